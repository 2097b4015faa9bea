"""One partition of the journal, folded twice: with one policy and with another, each in force from the beginning.

What comes of it is counted and not written anywhere. Policies and campaigns of the journal are passed over; what the
ledger says is forgotten does not count, as in every replay.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from heapq import nlargest
from sys import intern
from typing import Final, NamedTuple

from msgspec.structs import replace

from state.changes import KeptBack, Output, SegmentChanged, Sent
from state.erasure import Erasure
from state.events import CampaignsApplied, JournalRecord, PolicyApplied, TimeCame
from state.partition import Partition
from state.profile import Profile
from state.progress import BEFORE_ALL_TIME
from state.rules import Rules
from streams.customers_table import CustomersTable

FLUSH_RECORDS: Final = 20_000
"""Records after which what was touched becomes bytes again: fewer cost time, more cost memory."""
DEAREST: Final = 10


class Mover(NamedTuple):
    """A customer whom the other policy puts into another segment; sums in minor units.

    `net` is what they brought in within the window of the first policy, `lifetime` ever.
    """

    net: int
    lifetime: int
    customer_id: str
    was: str
    now: str


class Counted(NamedTuple):
    """What came of a fold: messages sent by campaign, those kept back by campaign and reason, changes of segment."""

    sent: Counter[str]
    kept_back: Counter[tuple[str, str]]
    changes: int


class Compared(NamedTuple):
    """What the two folds of a partition, or of several, come to.

    Attributes:
        records: of the journal that were read.
        time: to which the partition has come, in milliseconds.
        customers: by segment of the first policy and of the other one; `net` what they brought in within the first
            policy's window.
        dearest: of those who move the ones who brought in most, first.
        first: what came of the first policy, `other` of the other one.
    """

    records: int
    time: int
    customers: Counter[tuple[str, str]]
    net: Counter[tuple[str, str]]
    dearest: list[Mover]
    first: Counted
    other: Counted

    def plus(self, more: "Compared") -> "Compared":
        """Both together."""
        return Compared(
            self.records + more.records,
            max(self.time, more.time),
            self.customers + more.customers,
            _sum(self.net, more.net),
            nlargest(DEAREST, [*self.dearest, *more.dearest]),
            _both(self.first, more.first),
            _both(self.other, more.other),
        )


NOTHING: Final = Compared(
    0,
    BEFORE_ALL_TIME,
    Counter(),
    Counter(),
    [],
    Counted(Counter(), Counter(), 0),
    Counted(Counter(), Counter(), 0),
)


class TwoPolicies:
    """Folds the records of a partition with both policies."""

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
        self._taken = 0

    def take(self, offset: int, customer_id: str, record: JournalRecord) -> bool:
        """Fold a record; False if it is the first tick beyond `until`, after which nothing more is to be taken.

        An event that occurred after `until` does not count, though it lies before that tick.
        """
        until = self._until
        self._taken += 1
        if self._taken % FLUSH_RECORDS == 0:
            for fold in self._folds:
                fold.table.flush()
        if isinstance(record, PolicyApplied | CampaignsApplied):
            return True
        if until is not None:
            if isinstance(record, TimeCame):
                if record.at > until:
                    self._fold(offset, "", TimeCame(until, None))
                    return False
            elif record.occurred_at > until:
                return True
        self._fold(offset, customer_id, record)
        return True

    def _fold(self, offset: int, customer_id: str, record: JournalRecord) -> None:
        for fold in self._folds:
            fold.take(offset, customer_id, record)

    def compared(self) -> Compared:
        """What it came to; the folds are over."""
        first, other = self._folds
        customers: Counter[tuple[str, str]] = Counter()
        net: Counter[tuple[str, str]] = Counter()
        dearest: list[Mover] = []
        there = other.segments()
        for customer_id, profile in first.profiles():
            move = intern(profile.segment), there[customer_id]
            customers[move] += 1
            net[move] += profile.monetary
            if move[0] != move[1]:
                dearest.append(Mover(profile.monetary, profile.net, customer_id, *move))
                if len(dearest) > FLUSH_RECORDS:
                    dearest = nlargest(DEAREST, dearest)
        time = first.partition.progress.time
        return Compared(self._taken, time, customers, net, nlargest(DEAREST, dearest), first.counted(), other.counted())


class _Fold:
    """One partition under one policy."""

    def __init__(self, policy: str, campaigns: str, erasures: Mapping[bytes, Erasure]) -> None:
        self.table = CustomersTable()
        self.partition = Partition(self.table, erasures=dict(erasures))
        self._out: list[Output] = []
        self._sent: Counter[str] = Counter()
        self._kept_back: Counter[tuple[str, str]] = Counter()
        self._changes = 0
        self.take(-2, "", PolicyApplied("control", 0, 0, policy))
        self.take(-1, "", CampaignsApplied("control", 0, 1, campaigns))
        self.partition.rules = _without_outcomes(self.partition.rules)

    def take(self, offset: int, customer_id: str, record: JournalRecord) -> None:
        out = self._out
        while not self.partition.apply(offset, customer_id, record, out):
            self._count()
            self.table.flush()
        if out:
            self._count()

    def _count(self) -> None:
        for output in self._out:
            if isinstance(output, SegmentChanged):
                self._changes += 1
            elif isinstance(output, Sent):
                self._sent[output.value.campaign] += 1
            elif isinstance(output, KeptBack):
                self._kept_back[output.value.campaign, output.value.reason] += 1
        self._out.clear()

    def counted(self) -> Counted:
        return Counted(self._sent, self._kept_back, self._changes)

    def segments(self) -> dict[str, str]:
        """Everyone's segment."""
        self.table.flush()
        return {customer_id: intern(head.segment) for customer_id, head in self.table.heads()}

    def profiles(self) -> Iterator[tuple[str, Profile]]:
        self.table.flush()
        for customer_id in self.table.ids():
            profile = self.table.get(customer_id)
            if profile is not None:
                yield customer_id, profile


def _without_outcomes(rules: Rules | None) -> Rules | None:
    """The same rules, by which no campaign waits for what it has brought: nobody asks here, and it is dear."""
    if rules is None or rules.campaigns is None:
        return rules
    campaigns = tuple(replace(campaign, attribution_ms=0) for campaign in rules.campaigns.campaigns)
    by_name = {campaign.name: campaign for campaign in campaigns}
    triggered = tuple(campaign for campaign in campaigns if campaign.trigger)
    return Rules(rules.policy, replace(rules.campaigns, campaigns=campaigns, by_name=by_name, triggered=triggered))


def _both(one: Counted, other: Counted) -> Counted:
    return Counted(one.sent + other.sent, one.kept_back + other.kept_back, one.changes + other.changes)


def _sum(one: Counter[tuple[str, str]], other: Counter[tuple[str, str]]) -> Counter[tuple[str, str]]:
    """As `+`, which would drop sums that are not above 0."""
    total = Counter(one)
    total.update(other)
    return total
