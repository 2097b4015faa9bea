"""Plan the policies and campaigns of a replay: those of the old journal where they are, or given ones at the start."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from state.config.active_rules import ActiveRules
from state.config.campaigns import Campaigns, parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy
from state.records.events import CampaignsApplied, PolicyApplied
from streams.defaults import campaigns_text
from streams.kafka.control import ControlRecord, apply_rules, reduce_control

AppliedRule: TypeAlias = PolicyApplied | CampaignsApplied


class ReplayRefused(ConfigErrors):
    """A replay is impossible or would not be exact; each line names a cause and what to do about it."""

    def __init__(self, *lines: str) -> None:
        super().__init__(lines)


@dataclasses.dataclass(frozen=True)
class PlannedRule:
    """A policy or campaigns for the new `control`.

    Attributes:
        old_offset: where it is in the old `control`; None for one that is given for the replay.
        begins_at: of campaigns: that of the old `control`; of given ones, the beginning of the replay.
    """

    kind: Literal["policy", "campaigns"]
    text: str
    old_offset: int | None = None
    begins_at: int | None = None


class ReplayRules:
    """The policies and campaigns of the new journal, and where each belongs.

    Given ones replace all of their kind. A given policy comes before everything else, given campaigns directly after
    the first active policy. Refused and invalid records of the old `control` are copied too: they have no
    effect in the new one either.

    Attributes:
        old_currency: the base currency of the old journal.
        policy: the policy that is active at the end.
        rules: all of them, in the order of the new `control`.
        new_offsets: the offset of each in the new `control`; set before the journal is written.
    """

    def __init__(
        self,
        prefix: str,
        control: Sequence[ControlRecord],
        policy: Policy | None,
        campaigns: Campaigns | None,
        now_ms: int | None = None,
    ) -> None:
        """Plan the rules.

        Args:
            prefix: the old prefix.
            control: the records of its `control`.
            policy: replaces all its policies.
            campaigns: replaces all its campaigns.
            now_ms: the wall time, before which given campaigns start nothing; None in event mode.

        Raises:
            ReplayRefused: the old prefix has no policy, or its campaigns name segments that the given policy lacks.
        """
        active = reduce_control(control)
        if active.policy is None:
            raise ReplayRefused(f"control of {prefix} has no policy, so its journal has no events; check the prefix")
        self.old_currency = active.policy.currency
        self.policy = policy or active.policy
        self.new_offsets: list[int] = []
        self._prefix = prefix
        self._replaces_policies, self._replaces_campaigns = policy is not None, campaigns is not None
        kept = [
            PlannedRule(record.kind, record.text, record.offset, record.begins_at)
            for record in control
            if (record.kind == "policy" and policy is None) or (record.kind == "campaigns" and campaigns is None)
            if record.text is not None
        ]
        given = [PlannedRule("policy", policy.text)] if policy else []
        given += [PlannedRule("campaigns", campaigns.text, begins_at=now_ms)] if campaigns else []
        split = 0 if policy else 1 + [rule.old_offset for rule in kept].index(_first_policy_offset(control))
        self.rules = [*kept[:split], *given, *kept[split:]]
        if policy is not None:
            _check_segments(kept, policy)

    def take_written(self, control: Sequence[ControlRecord]) -> None:
        """Take what an interrupted run of this replay has written to the new `control`: the first rules, in order."""
        for index, record in enumerate(control):
            self.rules[index] = dataclasses.replace(self.rules[index], begins_at=record.begins_at)

    def initial_records(self) -> list[AppliedRule]:
        """Return the records that come before all others in each partition of the new journal."""
        return self._given_from(0)

    def translate(self, record: AppliedRule) -> list[AppliedRule]:
        """Return the records of the new journal that take the place of one in the old journal.

        There are none if its kind is replaced. The first policy brings given campaigns with it.

        Raises:
            ReplayRefused: the old `control` does not have the record any more.
        """
        if self._replaces_policies if isinstance(record, PolicyApplied) else self._replaces_campaigns:
            return []
        for index, rule in enumerate(self.rules):
            if rule.old_offset == record.offset:
                moved = msgspec.structs.replace(record, offset=self.new_offsets[index])
                return [moved, *self._given_from(index + 1)]
        raise ReplayRefused(
            f"the journal names control:0:{record.offset}, which control of {self._prefix} no longer has: retention "
            "has deleted it; give the rules by --policy and --campaigns"
        )

    def _given_from(self, first: int) -> list[AppliedRule]:
        """Return the given rules that follow from this index on: the old journal has no records of them."""
        records: list[AppliedRule] = []
        for rule, offset in zip(self.rules[first:], self.new_offsets[first:], strict=True):
            if rule.old_offset is not None:
                break
            if rule.kind == "policy":
                records.append(PolicyApplied("control", 0, offset, rule.text))
            else:
                records.append(CampaignsApplied("control", 0, offset, rule.text, rule.begins_at))
        return records


def _first_policy_offset(control: Sequence[ControlRecord]) -> int:
    """Return where the first policy was activated; there is one."""
    rules = ActiveRules()
    for record in control:
        apply_rules(rules, record)
        if rules.policy is not None:
            return record.offset
    raise AssertionError("the caller has found an active policy")


def _check_segments(kept: Sequence[PlannedRule], policy: Policy) -> None:
    """Check the campaigns of the old `control` against the segments of a given policy.

    The built-in campaigns fit any policy. Those that never become active, because they are invalid or refused, are not
    checked.

    Raises:
        ReplayRefused: they name segments that the policy lacks.
    """
    lines = []
    rules = ActiveRules(policy)
    for rule in kept:
        if not rules.apply_campaigns(rule.text).activates or rule.text == campaigns_text():
            continue
        try:
            parse_campaigns(rule.text, policy.segment_names)
        except ConfigErrors as error:
            lines += [
                f"campaigns at control:0:{rule.old_offset}: {line}; give others by --campaigns" for line in error.errors
            ]
    if lines:
        raise ReplayRefused(*lines)
