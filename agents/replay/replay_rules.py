"""The policies and campaigns of a replay: those of the old journal at their places, or others from the beginning."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from state.config.campaigns import Campaigns, parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy
from state.records.events import CampaignsApplied, PolicyApplied
from streams.defaults import campaigns_text
from streams.kafka.control import ControlRecord, reduce_control

AppliedRule = PolicyApplied | CampaignsApplied


class ReplayRefused(ConfigErrors):
    """What keeps a journal from being replayed; each line names it and says what to do."""

    def __init__(self, *lines: str) -> None:
        """Takes the lines."""
        super().__init__(lines)


@dataclass(frozen=True)
class Rule:
    """A policy or campaigns in the new `control`; `old` is the place in the old one, None for one that is given now."""

    kind: Literal["policy", "campaigns"]
    text: str
    old: int | None = None


class ReplayRules:
    """Which rules the new journal has, and where.

    Attributes:
        old_currency: the base currency of the old journal.
        policy: the last policy, as it will be in force.
        rules: all of them in the order of the new `control`.
        places: where each lies in the new `control`; to be set before the journal is written.
    """

    def __init__(
        self, prefix: str, control: Sequence[ControlRecord], policy: Policy | None, campaigns: Campaigns | None
    ) -> None:
        """Takes the old prefix, what its `control` has, and what is given in place of that.

        Raises:
            ReplayRefused: there are none, or the campaigns do not go with the policy.
        """
        known = reduce_control(control)
        if known.policy is None:
            raise ReplayRefused(f"control of {prefix} has no policy: nothing was ever kept under this prefix; check it")
        self.old_currency = known.policy.currency
        self.policy = policy or known.policy
        self.places: list[int] = []
        self._prefix = prefix
        self._given_policy, self._given_campaigns = policy, campaigns
        kept = [
            Rule(record.kind, record.text, record.offset)
            for record in control
            if (record.kind == "policy" and policy is None) or (record.kind == "campaigns" and campaigns is None)
            if record.text is not None
        ]
        given = [Rule("policy", policy.text)] if policy else []
        given += [Rule("campaigns", campaigns.text)] if campaigns else []
        first = 0 if policy else 1 + next(number for number, rule in enumerate(kept) if rule.kind == "policy")
        self.rules = [*kept[:first], *given, *kept[first:]]
        if policy is not None:
            _check_kept_campaigns(kept, policy)

    def at_the_beginning(self) -> list[AppliedRule]:
        """What stands before everything else in each partition of the new journal."""
        return self._given_from(0)

    def again(self, record: AppliedRule) -> list[AppliedRule]:
        """What stands in the new journal for a record of the old one: nothing, if other rules were given.

        Raises:
            ReplayRefused: it is not in the old `control`.
        """
        replaced = self._given_policy if isinstance(record, PolicyApplied) else self._given_campaigns
        if replaced is not None:
            return []
        for number, rule in enumerate(self.rules):
            if rule.old == record.offset:
                here = msgspec.structs.replace(record, offset=self.places[number])
                return [here, *self._given_from(number + 1)]
        raise ReplayRefused(
            f"the journal names control:0:{record.offset}, which control of {self._prefix} no longer has: retention "
            "has cut it; give the rules by --policy and --campaigns"
        )

    def _given_from(self, number: int) -> list[AppliedRule]:
        """The rules from this one on that are given now and so have no record of their own in the old journal."""
        records: list[AppliedRule] = []
        for rule, place in zip(self.rules[number:], self.places[number:], strict=True):
            if rule.old is not None:
                break
            kind = PolicyApplied if rule.kind == "policy" else CampaignsApplied
            records.append(kind("control", 0, place, rule.text))
        return records


def _check_kept_campaigns(kept: Sequence[Rule], policy: Policy) -> None:
    """Holds the campaigns of the journal against the segments of another policy; the built-in ones go with any.

    Raises:
        ReplayRefused: they name others.
    """
    lines = []
    for rule in kept:
        if rule.text == campaigns_text():
            continue
        try:
            parse_campaigns(rule.text, policy.segment_names)
        except ConfigErrors as faults:
            lines += [
                f"campaigns at control:0:{rule.old}: {fault}; give others by --campaigns" for fault in faults.errors
            ]
    if lines:
        raise ReplayRefused(*lines)
