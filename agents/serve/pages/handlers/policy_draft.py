"""Draft a policy from the active one: the same file with other thresholds and the next version."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from state.config.policy import Policy
from state.config.policy_reader import parse_policy

MEASURES: Final = ("recency_days", "frequency", "monetary")

_VERSION: Final = re.compile(r"^(?P<start>[ \t]*version[ \t]*=[ \t]*)[0-9_]+", re.MULTILINE)
_TABLE: Final = (
    r"^(?P<start>[ \t]*\[[ \t]*{name}[ \t]*\][^\n]*\n(?:(?![ \t]*\[)[^\n]*\n)*?[ \t]*edges[ \t]*=[ \t]*)\[[^\]]*\]"
)
NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?")


class NotEditable(Exception):
    """The thresholds cannot be set in the active file; the message says why."""


def edges_of(policy: Policy) -> dict[str, tuple[str, ...]]:
    """Return the thresholds of a policy by measure, as its file writes them."""
    return dict(
        zip(
            MEASURES,
            (policy.recency_edges_text, policy.frequency_edges_text, policy.monetary_edges_text),
            strict=True,
        )
    )


def draft(active: Policy, edges: Mapping[str, Sequence[str]]) -> str:
    """Return the active policy's file with these thresholds and the next version; everything else stays as it is.

    Args:
        active: the policy in force.
        edges: the thresholds of each measure, as numbers in plain digits.

    Raises:
        NotEditable: a threshold is no number, or the file is written in a way in which they cannot be replaced.
        ConfigErrors: the result is not a valid policy, for example because thresholds do not rise.
    """
    wrong = [value for values in edges.values() for value in values if not NUMBER.fullmatch(value)]
    if wrong:
        raise NotEditable(f"a threshold is a number of plain digits, such as 60 or 0.5: got {wrong[0]!r}")
    text, count = _VERSION.subn(rf"\g<start>{active.version + 1}", active.text, count=1)
    for name, values in edges.items():
        table = re.compile(_TABLE.format(name=name), re.MULTILINE)
        text, replaced = table.subn(rf"\g<start>[{', '.join(values)}]", text, count=1)
        count += replaced
    if count != 1 + len(edges):
        raise NotEditable("the active file does not write its version and thresholds in the usual way; edit the text")
    policy = parse_policy(text)
    if policy.version != active.version + 1 or not is_same_otherwise(active, policy):
        raise NotEditable("the active file does not write its version and thresholds in the usual way; edit the text")
    return text


def is_same_otherwise(active: Policy, drafted: Policy) -> bool:
    """Return whether two policies differ in nothing but thresholds, name and version."""
    one, other = active.contents(), drafted.contents()
    return all(one[key] == other[key] for key in one.keys() - set(MEASURES))
