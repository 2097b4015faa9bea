"""Fold one partition of the journal twice, with two policies, each active from the start, and compare the results.

The results are counted and written nowhere. Policies and campaigns of the journal are ignored. Customers in the erasure
ledger do not count, as in every replay.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nlargest
from struct import Struct
from typing import Final, TypeAlias

from msgspec.structs import replace

from agents.analysis.backtest.result import TOP_MOVERS, BacktestResult, Mover, PolicyCounts
from agents.project.base_totals import usable_channels
from state.config.ruleset import Ruleset
from state.customer.profile import Profile
from state.customer.profile_schema import ProfileHead
from state.fold.partition import Partition
from state.fold.timers import TimerQueue
from state.fold.transitions import advance_time
from state.records.erasure import Erasure
from state.records.events import (
    AnonymousSale,
    CampaignsApplied,
    JournalRecord,
    PolicyApplied,
    Tick,
    decode_record,
)
from state.records.outputs import SENT, Output, SegmentChanged
from state.records.progress import NO_WATERMARK
from state.units.timestamps import NEVER

_BATCH: Final = 1_000
"""After so many records progress is reported, after so many customers memory is freed."""
_HEAD: Final = Struct("<qqI")
"""The head of a stored record: its offset, the partition's watermark before it, and its length in bytes."""
_Record: TypeAlias = tuple[int, int, JournalRecord]
"""A record with its offset and the partition's watermark before it, in milliseconds."""


class Backtest:
    """Collect the records of a partition by customer, then fold them with both policies, one customer after the other.

    No customer's state depends on another's, and what falls due for them does so at its own moment, wherever the ticks
    are. So one customer's whole history can be folded at once, from its records and the watermark before each: without
    a table, without timers, and without encoding anything in between. That takes a third less time.
    """

    def __init__(
        self, policies: tuple[str, str], campaigns: str, erasures: Mapping[bytes, Erasure], until: int | None = None
    ) -> None:
        """Prepare both folds.

        Args:
            policies: the texts of A and B, both valid.
            campaigns: the text of the campaigns for both, valid.
            erasures: the erasure ledger of the partition.
            until: the time at which the comparison ends, in milliseconds; None: at the end of the journal.
        """
        self._a, self._b = (_PolicyFold(policy, campaigns, erasures) for policy in policies)
        self._until = until
        self._watermark_ms = NO_WATERMARK
        self._record_count = 0
        self._source_offsets: dict[tuple[str, int], int] = {}
        self._histories: dict[str, bytearray] = {}

    def add(self, offset: int, customer_id: str, value: bytes) -> bool:
        """Add the next record, and return whether more may follow: not after the first tick beyond `until`.

        An event that occurred after `until` does not count, though it is before that tick.

        Raises:
            UnknownFormatVersion: the record was written by a newer version.
        """
        self._record_count += 1
        record, until = decode_record(value), self._until
        if isinstance(record, Tick):
            self._watermark_ms = max(self._watermark_ms, record.at if until is None else min(record.at, until))
            return until is None or record.at <= until
        if isinstance(record, PolicyApplied | CampaignsApplied):
            return True
        source = (record.topic, record.partition)
        if record.offset <= self._source_offsets.get(source, -1):
            return True
        self._source_offsets[source] = record.offset
        if isinstance(record, AnonymousSale) or (until is not None and record.occurred_at > until):
            return True
        history = self._histories.get(customer_id)
        if history is None:
            history = self._histories[customer_id] = bytearray()
        history += _HEAD.pack(offset, self._watermark_ms, len(value))
        history += value
        return True

    def compare(self, on_folded: Callable[[int], None] = lambda _: None) -> BacktestResult:
        """Fold with both policies, which is possible once.

        Args:
            on_folded: is called now and then with the number of records folded since the last call.
        """
        customers: Counter[tuple[str, str]] = Counter()
        net: Counter[tuple[str, str]] = Counter()
        reachable: Counter[tuple[str, str]] = Counter()
        movers: list[Mover] = []
        unreported = 0
        while self._histories:
            customer_id, history = self._histories.popitem()
            records = list(_records(history))
            by_a = self._a.fold_customer(customer_id, records, self._watermark_ms)
            by_b = self._b.fold_customer(customer_id, records, self._watermark_ms)
            unreported += len(records)
            if unreported >= _BATCH:
                on_folded(unreported)
                unreported = 0
            if by_a is None or by_b is None:  # unknown or erased, which no policy changes
                continue
            segments = by_a.segment, by_b.segment
            customers[segments] += 1
            net[segments] += by_a.monetary
            if usable_channels(by_a):
                reachable[segments] += 1
            if by_a.segment != by_b.segment:
                movers.append(Mover(by_a.monetary, by_a.lifetime_net, customer_id, *segments))
                if len(movers) > _BATCH:
                    movers = nlargest(TOP_MOVERS, movers)
        return BacktestResult(
            self._record_count,
            self._watermark_ms,
            customers,
            net,
            reachable,
            nlargest(TOP_MOVERS, movers),
            self._a.counts(),
            self._b.counts(),
        )


class _SingleCustomer(dict[str, Profile]):
    """The customers of a partition that has one at a time."""

    def put(self, customer_id: str, profile: Profile) -> None:
        self[customer_id] = profile

    def remove(self, customer_id: str) -> None:
        self.pop(customer_id, None)

    def ids(self) -> list[str]:
        return list(self)

    def heads(self) -> list[tuple[str, ProfileHead]]:
        return []

    def due(self, customer_id: str) -> int:
        profile = self.get(customer_id)
        return NEVER if profile is None else profile.due


class _PolicyFold:
    """Fold customers under one policy, one after the other, and count what it would have published."""

    def __init__(self, policy: str, campaigns: str, erasures: Mapping[bytes, Erasure]) -> None:
        self._change_count = 0
        self._customer_count = 0
        self._customer = _SingleCustomer()
        self._partition = Partition(self._customer, erasures=dict(erasures))
        self._outputs: list[Output] = []
        self._partition.apply(-2, "", PolicyApplied("control", 0, 0, policy), self._outputs)
        self._partition.apply(-1, "", CampaignsApplied("control", 0, 1, campaigns), self._outputs)
        assert self._partition.rules is not None
        self._rules = self._partition.rules = _count_only(self._partition.rules)

    def fold_customer(self, customer_id: str, records: Sequence[_Record], end_ms: int) -> Profile | None:
        """Return the customer's profile after all their records, at `end_ms`; None if they are unknown then."""
        partition, outputs = self._partition, self._outputs
        progress = partition.progress
        progress.sources.clear()  # they are of another customer
        for offset, watermark_ms, record in records:
            progress.watermark = watermark_ms
            partition.apply(offset, customer_id, record, outputs)
        profile = self._customer.get(customer_id)
        if profile is not None:
            advance_time(customer_id, profile, end_ms, self._rules, outputs, partition.counters)
        self._customer.clear()
        self._customer_count += 1
        if self._customer_count % _BATCH == 0:
            partition.timers = TimerQueue(())  # it only grows: no tick is applied here
        self._change_count += sum(isinstance(output, SegmentChanged) for output in outputs)
        outputs.clear()
        return profile

    def counts(self) -> PolicyCounts:
        """Return what the policy would have published for all customers folded so far."""
        sent: Counter[str] = Counter()
        suppressed: Counter[tuple[str, str]] = Counter()
        for (campaign, outcome), count in (self._rules.message_counts or {}).items():
            if outcome == SENT:
                sent[campaign] = count
            else:
                suppressed[campaign, outcome] = count
        return PolicyCounts(sent, suppressed, self._change_count)


def _records(history: bytearray) -> Iterator[_Record]:
    """Decode a customer's stored records."""
    position = 0
    while position < len(history):
        offset, watermark_ms, size = _HEAD.unpack_from(history, position)
        position += _HEAD.size
        yield offset, watermark_ms, decode_record(bytes(history[position : position + size]))
        position += size


def _count_only(rules: Ruleset) -> Ruleset:
    """Return the same rules without the expensive parts: messages are only counted, and outcomes are not attributed."""
    assert rules.campaigns is not None
    campaigns = tuple(replace(campaign, attribution_ms=0) for campaign in rules.campaigns.campaigns)
    by_name = {campaign.name: campaign for campaign in campaigns}
    triggered = tuple(campaign for campaign in campaigns if campaign.trigger)
    counting = Ruleset(
        rules.policy, replace(rules.campaigns, campaigns=campaigns, by_name=by_name, triggered=triggered)
    )
    counting.message_counts = {}
    return counting
