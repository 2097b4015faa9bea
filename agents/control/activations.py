"""What was active when: every policy and every campaigns file that `control` has activated, in order."""

from collections.abc import Iterable, Iterator
from typing import Generic, Literal, NamedTuple, TypeVar

from state.config.active_rules import ActiveRules
from state.config.campaigns import Campaigns
from state.config.policy import Policy
from streams.kafka.control import ControlRecord, apply_rules

File = TypeVar("File", Policy, Campaigns)
RulesKind = Literal["policy", "campaigns"]


class Activation(NamedTuple, Generic[File]):
    """One period in which a file was active.

    Attributes:
        file: the policy or campaigns.
        offset: of the record in `control` that activated it.
        since_ms: when that record was written, in milliseconds; -1 if that is not known.
        until_ms: the same of the record that replaced it; None for the active one.
        changed: the keys of the file whose contents differ from the preceding one, with the names of campaigns that
            were changed, added or dropped (`campaign welcome`); empty for the first.
    """

    file: File
    offset: int
    since_ms: int
    until_ms: int | None
    changed: tuple[str, ...]


class Activations(NamedTuple):
    """The periods of policies and of campaigns, oldest first."""

    policies: list[Activation[Policy]]
    campaigns: list[Activation[Campaigns]]


def read_activations(records: Iterable[ControlRecord]) -> Activations:
    """Return what these records activated; the first one is the first of the topic."""
    rules, found = ActiveRules(), Activations([], [])
    for record in records:
        decision = apply_rules(rules, record)
        if decision is None or not decision.activates:
            continue
        if record.kind == "policy":
            assert rules.policy is not None
            _append(found.policies, rules.policy, record)
        else:
            assert rules.campaigns is not None
            _append(found.campaigns, rules.campaigns, record)
    return found


def _append(periods: list[Activation[File]], file: File, record: ControlRecord) -> None:
    changed: tuple[str, ...] = ()
    if periods:
        changed = tuple(_changes(periods[-1].file, file))
        periods[-1] = periods[-1]._replace(until_ms=record.written_ms)
    periods.append(Activation(file, record.offset, record.written_ms, None, changed))


def _changes(before: Policy | Campaigns, after: Policy | Campaigns) -> Iterator[str]:
    earlier = before.contents()
    for key, value in after.contents().items():
        if value == earlier[key]:
            continue
        if isinstance(before, Campaigns) and isinstance(after, Campaigns) and key == "campaign":
            old, new = ({each.name: each for each in file.campaigns} for file in (before, after))
            names = [name for name in old | new if old.get(name) != new.get(name)]
            yield from (f"campaign {name}" for name in names)
            if names:
                continue
        yield key  # also where campaigns only have another order
