"""One partition of the journal, folded twice: with one policy and with another, each in force from the beginning.

What comes of it is counted and not written anywhere. Policies and campaigns of the journal are passed over; what the
ledger says is forgotten does not count, as in every replay.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from heapq import nlargest
from struct import Struct
from typing import Final, NamedTuple, TypeAlias

from msgspec.structs import replace

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
from state.records.progress import BEFORE_TIME
from state.units.timestamps import NEVER

TOP_MOVERS: Final = 10
_TOLD_EVERY: Final = 1_000
_HEAD: Final = Struct("<qqI")
"""Of a record that is kept: its offset, the time to which the partition had come, and its length."""
_Record: TypeAlias = tuple[int, int, JournalRecord]


class Mover(NamedTuple):
    """A customer whom the other policy puts into another segment; sums in minor units.

    `net` is what they brought in within the window of the first policy, `lifetime` ever.
    """

    net: int
    lifetime: int
    customer_id: str
    from_segment: str
    to_segment: str


class PolicyCounts(NamedTuple):
    """What came of a fold: messages sent by campaign, those kept back by campaign and reason, changes of segment."""

    sent: Counter[str]
    suppressed: Counter[tuple[str, str]]
    changes: int


class BacktestResult(NamedTuple):
    """What the two folds of a partition, or of several, come to.

    Attributes:
        records: of the journal that were read.
        time: to which the partition has come, in milliseconds.
        customers: by segment of the first policy and of the other one; `net` what they brought in within the first
            policy's window.
        dearest: of those who move the ones who brought in most, first.
        a: what came of the first policy, `b` of the other one.
    """

    record_count: int
    watermark_ms: int
    customers: Counter[tuple[str, str]]
    net: Counter[tuple[str, str]]
    top_movers: list[Mover]
    a: PolicyCounts
    b: PolicyCounts

    def merge(self, more: "BacktestResult") -> "BacktestResult":
        """Both together."""
        return BacktestResult(
            self.record_count + more.record_count,
            max(self.watermark_ms, more.watermark_ms),
            self.customers + more.customers,
            _sum(self.net, more.net),
            nlargest(TOP_MOVERS, [*self.top_movers, *more.top_movers]),
            _both(self.a, more.a),
            _both(self.b, more.b),
        )


EMPTY_RESULT: Final = BacktestResult(
    0,
    BEFORE_TIME,
    Counter(),
    Counter(),
    [],
    PolicyCounts(Counter(), Counter(), 0),
    PolicyCounts(Counter(), Counter(), 0),
)


class Backtest:
    """Takes the records of a partition, customer by customer, then folds them with both policies.

    No customer's state depends on another's: what time does to them comes at its own moment wherever ticks stand. So
    each one's records are kept together, with the time to which the partition had come, and each one's life is lived
    through at once: no table, no wheel, and nothing is written down in between. It takes a third less time.
    """

    def __init__(
        self, policies: tuple[str, str], campaigns: str, erasures: Mapping[bytes, Erasure], until: int | None = None
    ) -> None:
        """Take what is in force.

        Args:
            policies: the texts of both, checked.
            campaigns: the text of the campaigns for both, checked.
            erasures: the ledger of the partition.
            until: the moment at which it ends, in milliseconds; None: the end of the journal.
        """
        self._folds = tuple(_Fold(policy, campaigns, erasures) for policy in policies)
        self._until = until
        self._time = BEFORE_TIME
        self._taken = 0
        self._fences: dict[tuple[str, int], int] = {}
        self._lives: dict[str, bytearray] = {}

    def add(self, offset: int, customer_id: str, value: bytes) -> bool:
        """Take a record; False if it is the first tick beyond `until`, after which nothing more is to be taken.

        An event that occurred after `until` does not count, though it lies before that tick.

        Raises:
            UnknownFormat: it was written by a newer version.
        """
        self._taken += 1
        record, until = decode_record(value), self._until
        if isinstance(record, Tick):
            self._time = max(self._time, record.at if until is None else min(record.at, until))
            return until is None or record.at <= until
        if isinstance(record, PolicyApplied | CampaignsApplied):
            return True
        source = (record.topic, record.partition)
        if record.offset <= self._fences.get(source, -1):
            return True
        self._fences[source] = record.offset
        if isinstance(record, AnonymousSale) or (until is not None and record.occurred_at > until):
            return True
        life = self._lives.get(customer_id)
        if life is None:
            life = self._lives[customer_id] = bytearray()
        life += _HEAD.pack(offset, self._time, len(value))
        life += value
        return True

    def compare(self, on_folded: Callable[[int], None] = lambda _: None) -> BacktestResult:
        """Fold with both policies; it can be done once. `on_folded` is told now and then how many more records are."""
        first, other = self._folds
        customers: Counter[tuple[str, str]] = Counter()
        net: Counter[tuple[str, str]] = Counter()
        dearest: list[Mover] = []
        untold = 0
        while self._lives:
            customer_id, life = self._lives.popitem()
            records = list(_records(life))
            profile = first.live(customer_id, records, self._time)
            by_other = other.live(customer_id, records, self._time)
            untold += len(records)
            if untold >= _TOLD_EVERY:
                on_folded(untold)
                untold = 0
            if profile is None or by_other is None:  # nobody was ever known, or they were erased; by both policies
                continue
            move = profile.segment, by_other.segment
            customers[move] += 1
            net[move] += profile.monetary
            if move[0] != move[1]:
                dearest.append(Mover(profile.monetary, profile.lifetime_net, customer_id, *move))
                if len(dearest) > _TOLD_EVERY:
                    dearest = nlargest(TOP_MOVERS, dearest)
        return BacktestResult(
            self._taken,
            self._time,
            customers,
            net,
            nlargest(TOP_MOVERS, dearest),
            first.counted(),
            other.counted(),
        )


class _OneCustomer(dict[str, Profile]):
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


class _Fold:
    """Lives customers through under one policy, one after the other, and counts what comes of it."""

    def __init__(self, policy: str, campaigns: str, erasures: Mapping[bytes, Erasure]) -> None:
        self._changes = 0
        self._customer = _OneCustomer()
        self._partition = Partition(self._customer, erasures=dict(erasures))
        self._out: list[Output] = []
        self._lived = 0
        self._partition.apply(-2, "", PolicyApplied("control", 0, 0, policy), self._out)
        self._partition.apply(-1, "", CampaignsApplied("control", 0, 1, campaigns), self._out)
        assert self._partition.rules is not None
        self._rules = self._partition.rules = _only_counting(self._partition.rules)

    def live(self, customer_id: str, records: Sequence[_Record], end: int) -> Profile | None:
        """A customer after all of their records, when time has come to `end`; None if nobody is known then."""
        partition, out = self._partition, self._out
        progress = partition.progress
        progress.sources.clear()  # of another customer
        for offset, time, record in records:
            progress.watermark = time
            partition.apply(offset, customer_id, record, out)
        profile = self._customer.get(customer_id)
        if profile is not None:
            advance_time(customer_id, profile, end, self._rules, out, partition.counters)
        self._customer.clear()
        self._lived += 1
        if self._lived % _TOLD_EVERY == 0:
            partition.timers = TimerQueue(())  # nobody looks into it
        self._changes += sum(isinstance(output, SegmentChanged) for output in out)
        out.clear()
        return profile

    def counted(self) -> PolicyCounts:
        """What has come of all who were lived through."""
        said = self._rules.message_counts or {}
        sent: Counter[str] = Counter()
        kept_back: Counter[tuple[str, str]] = Counter()
        for (campaign, outcome), count in said.items():
            if outcome == SENT:
                sent[campaign] = count
            else:
                kept_back[campaign, outcome] = count
        return PolicyCounts(sent, kept_back, self._changes)


def _records(life: bytearray) -> Iterator[_Record]:
    """What was kept of a customer's records."""
    begin = 0
    while begin < len(life):
        offset, time, size = _HEAD.unpack_from(life, begin)
        begin += _HEAD.size
        yield offset, time, decode_record(bytes(life[begin : begin + size]))
        begin += size


def _only_counting(rules: Ruleset) -> Ruleset:
    """The same rules, but what campaigns say is only counted, and none waits for what it has brought: that is dear."""
    assert rules.campaigns is not None
    campaigns = tuple(replace(campaign, attribution_ms=0) for campaign in rules.campaigns.campaigns)
    by_name = {campaign.name: campaign for campaign in campaigns}
    triggered = tuple(campaign for campaign in campaigns if campaign.trigger)
    light = Ruleset(rules.policy, replace(rules.campaigns, campaigns=campaigns, by_name=by_name, triggered=triggered))
    light.message_counts = {}
    return light


def _both(one: PolicyCounts, other: PolicyCounts) -> PolicyCounts:
    return PolicyCounts(one.sent + other.sent, one.suppressed + other.suppressed, one.changes + other.changes)


def _sum(one: Counter[tuple[str, str]], other: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """As `+`, which would drop sums that are not above 0."""
    total = Counter(one)
    total.update(other)
    return total
