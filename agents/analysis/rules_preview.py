"""What a new policy or campaigns file would do to today's customers, computed from their table. It writes nothing.

Every customer is evaluated as a lane would when the file is activated, at the watermark of their partition. Then time
alone goes on for some days, with the file and without it, as if nobody bought: so messages that it adds or prevents
are counted.
"""

from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from agents.analysis.customer_tables import read_customer_tables
from state.config.active_rules import ActiveRules
from state.config.campaigns import Campaigns, outdated_campaigns
from state.config.policy import Policy
from state.config.ruleset import Ruleset
from state.customer.profile import Profile
from state.fold.transitions import FoldCounters, advance_time, apply_campaigns, apply_policy
from state.records.outputs import SENT, Output
from state.records.reasons import SuppressionReason
from state.units.timestamps import DAY_MS
from streams.settings.settings import Settings

PREVIEW_DAYS: Final = 7
_SHOW_EVERY: Final = 1_000


class NewRules(NamedTuple):
    """What is to be activated, in this order; None for what stays."""

    policy: Policy | None
    campaigns: Campaigns | None


class Preview(NamedTuple):
    """What activating new rules would do.

    Attributes:
        watermark_ms: the lowest watermark of the partitions; None before the first tick.
        customers: all known customers.
        moves: customers by their segments before and after.
        sent_at_once: messages by campaign that the activation itself would send.
        sent_before: messages of the following days by campaign, with the active rules.
        sent_after: the same with the new rules.
        superseded: steps by campaign that the activation would cancel.
    """

    watermark_ms: int | None
    customers: int
    moves: Counter[tuple[str, str]]
    sent_at_once: Counter[str]
    sent_before: Counter[str]
    sent_after: Counter[str]
    superseded: Counter[str]


async def preview_rules(
    settings: Settings, active: ActiveRules, new: NewRules, on_progress: Callable[[float], None]
) -> Preview:
    """Evaluate all customers with the active and with the new rules.

    Args:
        settings: of the prefix.
        active: the rules in force, with a policy.
        new: valid ones that differ from them.
        on_progress: called with the share of partitions that are done, from 0 to 1.

    Raises:
        FatalError: another version wrote a record, or something is missing.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    assert active.policy is not None
    whole = _PreviewCounter(active.policy, active.campaigns, new)
    watermarks = []
    async for part in read_customer_tables(settings, copies=2):
        if part.watermark_ms is None:
            continue
        watermarks.append(part.watermark_ms)
        customers = len(part.tables[0])
        for done, customer_id in enumerate(list(part.tables[0].ids()), 1):
            before, after = (table.get(customer_id) for table in part.tables)
            if before is not None and after is not None:
                whole.add(customer_id, before, after, part.watermark_ms)
            if done % _SHOW_EVERY == 0:
                on_progress((part.number + done / customers) / part.partitions)
        on_progress((part.number + 1) / part.partitions)
    return whole.preview(min(watermarks, default=None))


class _PreviewCounter:
    """Counts what happens to one customer after the other."""

    def __init__(self, policy: Policy, campaigns: Campaigns | None, new: NewRules) -> None:
        self._new = new
        self._outdated = frozenset[str]() if new.campaigns is None else outdated_campaigns(campaigns, new.campaigns)
        self._current = Ruleset(policy, campaigns)
        self._by_policy = Ruleset(new.policy or policy, campaigns)
        self._next = Ruleset(new.policy or policy, new.campaigns or campaigns)
        self._before: dict[tuple[str, str], int] = {}
        self._at_once: dict[tuple[str, str], int] = {}
        self._after: dict[tuple[str, str], int] = {}
        self._current.message_counts = self._before
        self._by_policy.message_counts = self._at_once
        self._moves: Counter[tuple[str, str]] = Counter()
        self._counters = FoldCounters()
        self._outputs: list[Output] = []

    def add(self, customer_id: str, before: Profile, after: Profile, watermark_ms: int) -> None:
        """Count a customer, given twice: once for each of the rules."""
        moment, until = max(watermark_ms, after.evaluated_at), watermark_ms + PREVIEW_DAYS * DAY_MS
        outputs, segment = self._outputs, before.segment
        if self._new.policy is not None:
            apply_policy(customer_id, after, moment, self._by_policy, outputs)
        self._next.message_counts = self._at_once
        if self._new.campaigns is not None:
            apply_campaigns(customer_id, after, moment, self._next, self._outdated, outputs)
        self._moves[segment, after.segment] += 1
        self._next.message_counts = self._after
        advance_time(customer_id, after, until, self._next, outputs, self._counters)
        advance_time(customer_id, before, until, self._current, outputs, self._counters)
        outputs.clear()

    def preview(self, watermark_ms: int | None) -> Preview:
        """Return what was counted."""
        moved = Counter({pair: count for pair, count in self._moves.items() if pair[0] != pair[1]})
        return Preview(
            watermark_ms,
            self._moves.total(),
            moved,
            _of(self._at_once, SENT),
            _of(self._before, SENT),
            _of(self._after, SENT),
            _of(self._at_once, SuppressionReason.SUPERSEDED),
        )


def _of(counts: dict[tuple[str, str], int], wanted: str) -> Counter[str]:
    return Counter({campaign: count for (campaign, outcome), count in counts.items() if outcome == wanted})
