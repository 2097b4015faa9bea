"""Try a campaigns file on today's customers, as if it had always been active. It writes nothing.

Each customer enters the campaigns that their last change of segment matches, at the moment of that change, and time
alone goes on from there. Consents and channels are those of today. Neither earlier campaigns nor the rule that history
starts nothing count: otherwise a file could only be tried on changes that are still to come.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from agents.analysis.customer_tables import read_customer_tables
from state.config.campaigns import Campaigns
from state.config.policy import Policy
from state.config.ruleset import Ruleset
from state.customer.profile import Profile
from state.engagement.campaign_context import CampaignContext
from state.engagement.contacts import engagement_of
from state.engagement.decide import NO_PURCHASE, decide
from state.engagement.run import next_moment
from state.fold.transitions import FoldCounters, advance_time, next_due
from state.records.outputs import (
    SENT,
    MessageSent,
    MessageSuppressed,
    Output,
    SegmentChanged,
    SegmentChangeValue,
    SegmentMove,
    Suppression,
)
from state.records.reasons import SuppressionReason
from state.units.timestamps import DAY_MS, NEVER, parse_rfc3339
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

_SHOW_EVERY: Final = 1_000
_COMPARED: Final = (SuppressionReason.HOLDOUT, SuppressionReason.CONTROL)
_decode: Final = msgspec.json.Decoder(SegmentChangeValue).decode


@dataclass(slots=True)
class CampaignTrial:
    """What a campaign would do.

    Attributes:
        entered: customers whose last change would have entered it; without the holdout and control groups.
        compared: customers of those groups, so far and in the next days.
        sent_before: messages that it would have sent to them by now.
        entering: customers who will enter it in the next days.
        sent_later: messages of the next days, by channel.
        suppressed_later: what would not be sent in the next days, by reason.
    """

    entered: int = 0
    compared: int = 0
    sent_before: int = 0
    entering: int = 0
    sent_later: Counter[str] = field(default_factory=Counter)
    suppressed_later: Counter[str] = field(default_factory=Counter)


class Trial(NamedTuple):
    """What a campaigns file would do on today's customers.

    Attributes:
        as_of_ms: the lowest watermark of the partitions; None before the first tick.
        customers: all known customers.
        campaigns: in the order of the file.
    """

    as_of_ms: int | None
    customers: int
    campaigns: dict[str, CampaignTrial]


async def try_campaigns(
    settings: Settings, policy: Policy, campaigns: Campaigns, days: int, on_progress: Callable[[float], None]
) -> Trial:
    """Evaluate all customers with a campaigns file.

    Args:
        settings: of the prefix.
        policy: the active one, whose segments the file names.
        campaigns: the file.
        days: how far to let time alone go on, in days of 24 hours.
        on_progress: called with the share of partitions that are done, from 0 to 1.

    Raises:
        FatalError: another version wrote a record, or something is missing.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    trial = _Trial(policy, campaigns, days)
    watermarks: list[int] = []
    customers = 0
    async for part in read_customer_tables(settings):
        if part.watermark_ms is None:
            continue
        watermarks.append(part.watermark_ms)
        (table,) = part.tables
        changes = await _last_changes(settings, part.number)
        ids = list(table.ids())
        customers += len(ids)
        for done, customer_id in enumerate(ids, 1):
            profile = table.get(customer_id)
            if profile is not None:
                trial.add(customer_id, profile, changes.get(customer_id), part.watermark_ms)
            if done % _SHOW_EVERY == 0:
                on_progress((part.number + done / len(ids)) / part.partitions)
        on_progress((part.number + 1) / part.partitions)
    return Trial(min(watermarks, default=None), customers, trial.campaigns)


async def _last_changes(settings: Settings, partition: int) -> dict[str, SegmentChangeValue]:
    """Return the last change of each customer of a partition."""
    changes: dict[str, SegmentChangeValue] = {}
    async for batch in read_range(settings.kafka_client(), Topics(settings.prefix).segment_changes, partition):
        for record in batch:
            if record.value is None:
                changes.pop(record.key.decode(), None)
            else:
                change = _decode(record.value)
                changes[change.customer_id] = change
    return changes


class _Trial:
    """Tries the file on one customer after the other.

    Attributes:
        campaigns: what each campaign would do so far.
    """

    def __init__(self, policy: Policy, campaigns: Campaigns, days: int) -> None:
        self.campaigns = {each.name: CampaignTrial() for each in campaigns.campaigns}
        self._file = campaigns
        self._days_ms = days * DAY_MS
        self._rules = Ruleset(policy, campaigns)
        self._past = Ruleset(policy, campaigns)
        self._past.message_counts = self._counts = dict[tuple[str, str], int]()
        self._counters = FoldCounters()
        self._outputs: list[Output] = []

    def add(self, customer_id: str, profile: Profile, change: SegmentChangeValue | None, watermark_ms: int) -> None:
        """Try it on a customer, as of the watermark of their partition."""
        engagement = engagement_of(profile)
        profile.runs = []
        engagement.last_entries, engagement.control_entries = {}, {}
        engagement.trigger_tags, engagement.messages, engagement.silence = {}, [], None
        if change is not None and change.to_segment == profile.segment:
            self._enter(customer_id, profile, change, watermark_ms)
        entered = dict(engagement.last_entries)
        profile.due = next_due(profile, self._rules, max(watermark_ms, profile.evaluated_at))
        until = watermark_ms + self._days_ms
        advance_time(customer_id, profile, until, self._rules, self._outputs, self._counters)
        for name, at in engagement.last_entries.items():
            self.campaigns[name].entering += entered.get(name) != at
        for output in self._outputs:
            if isinstance(output, MessageSent):
                self.campaigns[output.value.campaign].sent_later[output.value.channel] += 1
            elif isinstance(output, MessageSuppressed):
                self._count_suppressed(output.value)
        self._outputs.clear()

    def _enter(self, customer_id: str, profile: Profile, change: SegmentChangeValue, watermark_ms: int) -> None:
        """Enter what the customer's last change matches, and make the steps that were due since then."""
        at = parse_rfc3339(change.effective_at)
        entry = SegmentChanged(
            customer_id=customer_id,
            seq=change.seq,
            move=SegmentMove(
                change.from_segment or "", change.to_segment, change.from_cell or "", change.to_cell,
                change.why, change.policy, change.facts.currency, self._past.policy.digits,
            ),
            at=at,
            kind=change.cause.kind,
            event_id=None,
            backfill=False,
            frequency=profile.frequency,
            monetary=profile.monetary,
            last_order_at=profile.last_order_at,
        )  # fmt: skip
        self._decide(customer_id, profile, at, entry)
        engagement = engagement_of(profile)
        for name in engagement.last_entries:
            self.campaigns[name].entered += 1
        bought_at = profile.last_order_at
        if bought_at is not None and at < bought_at <= watermark_ms:
            self._go_on(customer_id, profile, bought_at)
            self._decide(customer_id, profile, bought_at, None, supersedes_through=NEVER)
        self._go_on(customer_id, profile, watermark_ms)
        for (name, outcome), count in self._counts.items():
            if outcome == SENT:
                self.campaigns[name].sent_before += count
            elif outcome in _COMPARED:
                self.campaigns[name].compared += count
                self.campaigns[name].entered -= outcome == SuppressionReason.HOLDOUT
        self._counts.clear()

    def _go_on(self, customer_id: str, profile: Profile, until: int) -> None:
        """Make the steps up to a moment."""
        while (moment := min(map(next_moment, profile.runs), default=NEVER)) <= until:
            self._decide(customer_id, profile, moment, None)

    def _decide(
        self,
        customer_id: str,
        profile: Profile,
        at: int,
        change: SegmentChanged | None,
        *,
        supersedes_through: int = NO_PURCHASE,
    ) -> None:
        context = CampaignContext(customer_id, profile, at, self._past, self._file, self._outputs)
        decide(context, change, supersedes_through=supersedes_through)
        self._outputs.clear()

    def _count_suppressed(self, value: Suppression) -> None:
        campaign = self.campaigns[value.campaign]
        if value.reason in _COMPARED:
            campaign.compared += 1
            campaign.entering -= value.reason == SuppressionReason.HOLDOUT
        else:
            campaign.suppressed_later[value.reason] += 1
