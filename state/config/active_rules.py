"""Decide which policy and which campaigns are active. Nothing else accepts or refuses a new one.

The active policy is the last one accepted, and so are the active campaigns. A new file is compared with the active one:

* Same name and version, same contents: it changes nothing. Layout and comments are not contents.
* Same name and version, other contents: refused.
* A policy with another currency, window or time zone: refused. Sums in the journal and published days depend on them.
* Anything else is accepted. Versions need not rise, and an earlier version may return.

Before the first policy, campaigns wait: the last file received becomes active together with that policy.

Two callers ask. A *record* of the journal or of `control` was written already: `apply_policy` and `apply_campaigns`
decide what it does. A *command* is about to write one: `check_policy` and `check_campaigns` are stricter. They also
refuse a name and version that had other contents at any earlier time, and campaigns before the first policy. Records
keep the lenient rules, because a replay must repeat what earlier versions of Goldstream decided, and because a
recovered partition knows its active files only.
"""

import dataclasses
import enum
from collections.abc import Callable
from typing import NamedTuple, TypeVar

from state.config.campaigns import Campaigns, parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy
from state.config.policy_reader import parse_policy

File = TypeVar("File", Policy, Campaigns)


class Outcome(enum.Enum):
    """What becomes of a policy or of a campaigns file."""

    ACTIVATED = "activated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    INVALID = "invalid"


class Decision(NamedTuple):
    """The outcome for one file, with all errors if it is refused or invalid."""

    outcome: Outcome
    errors: tuple[str, ...] = ()

    @property
    def activates(self) -> bool:
        """Whether the file is the active one from now on, and was not before."""
        return self.outcome is Outcome.ACTIVATED


_ACTIVATED = Decision(Outcome.ACTIVATED)
_UNCHANGED = Decision(Outcome.UNCHANGED)


@dataclasses.dataclass(slots=True)
class ActiveRules:
    """The active policy and campaigns, and those that were active before.

    Attributes:
        policy: None before the first one.
        campaigns: None before the first ones; without a policy they have no effect yet.
        begins_at: that of the record that activated the campaigns, which is not part of the contents; None for none.
        policies: every policy that was applied here and accepted, by `name@version`: the last one of that name.
        campaign_files: the same of campaigns files.
    """

    policy: Policy | None = None
    campaigns: Campaigns | None = None
    policies: dict[str, Policy] = dataclasses.field(default_factory=dict)
    campaign_files: dict[str, Campaigns] = dataclasses.field(default_factory=dict)
    begins_at: int | None = None

    def apply_policy(self, text: str) -> Decision:
        """Activate the policy of a record, unless it is invalid, refused or active already."""
        policy, decision = _parse(parse_policy, text)
        if policy is not None:
            decision = _decide_policy(self.policy, policy)
            if decision.activates:
                self.policy = self.policies[policy.ref] = policy
        return decision

    def apply_campaigns(self, text: str, begins_at: int | None = None) -> Decision:
        """Activate the campaigns of a record, unless they are invalid, refused or active already."""
        campaigns, decision = _parse(parse_campaigns, text)
        if campaigns is not None:
            decision = _ACTIVATED if self.policy is None else _decide(self.campaigns, campaigns)
            if decision.activates:
                self.campaigns = self.campaign_files[campaigns.ref] = campaigns
                self.begins_at = begins_at
        return decision

    def check_policy(self, new: Policy) -> Decision:
        """Return what a command that applies this policy would do; nothing changes."""
        decision = _decide_policy(self.policy, new)
        return _check_history(self.policies, new) if decision.activates else decision

    def check_campaigns(self, new: Campaigns) -> Decision:
        """Return what a command that applies these campaigns would do; nothing changes."""
        if self.policy is None:
            return _refused("no policy is active yet; apply one first (`goldstream policy apply`), or start a worker")
        decision = _decide(self.campaigns, new)
        return _check_history(self.campaign_files, new) if decision.activates else decision


def _parse(parse: Callable[[str], File], text: str) -> tuple[File | None, Decision]:
    try:
        return parse(text), _ACTIVATED
    except ConfigErrors as error:
        return None, Decision(Outcome.INVALID, error.errors)


def _decide_policy(active: Policy | None, new: Policy) -> Decision:
    if active is None:
        return _ACTIVATED
    needs, errors = "needs a new prefix and a replay", []
    if new.currency != active.currency:
        errors.append(f"currency must stay {active.currency}: got {new.currency}; another one {needs}")
    if new.window_ms != active.window_ms:
        errors.append(f"window_days must stay {active.window_days}: got {new.window_days}; another one {needs}")
    if new.timezone != active.timezone:
        errors.append(
            f"timezone must stay {active.timezone}: got {new.timezone}; published days would begin at another hour; "
            f"another one {needs}"
        )
    return Decision(Outcome.REFUSED, tuple(errors)) if errors else _decide(active, new)


def _decide(active: File | None, new: File) -> Decision:
    if active is None or new.ref != active.ref:
        return _ACTIVATED
    if not (different := _differences(active, new)):
        return _UNCHANGED
    return _refused(
        f"{new.ref} is already active with different {' and '.join(different)}; raise version to {new.version + 1}"
    )


def _check_history(earlier: dict[str, File], new: File) -> Decision:
    known = earlier.get(new.ref)
    if known is not None and _differences(known, new):
        return _refused(f"{new.ref} was active with other contents before; raise version")
    return _ACTIVATED


def _differences(one: File, other: File) -> list[str]:
    """Return the keys of the file under which two files differ."""
    contents = other.contents()
    return [key for key, value in one.contents().items() if value != contents[key]]


def _refused(reason: str) -> Decision:
    return Decision(Outcome.REFUSED, (reason,))
