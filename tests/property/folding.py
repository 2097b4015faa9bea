"""The product's way from published events to published changes, without a broker: admit, journal, fold, write down.

What a lane writes is kept here as bytes, so that a fold can be stopped anywhere and taken up again by another that
knows nothing but these bytes. The order of writing is that of `agents.segment.segment_lane`.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final

from state.config.campaigns import parse_campaigns
from state.config.policy import parse_policy
from state.customer.profile import Profile
from state.customer.referrals import referral_of
from state.daily.daily_summary import is_published, unpublished_days
from state.daily.day_counter import DayCounter
from state.daily.day_store import Record
from state.fold.partition import Partition
from state.fold.transitions import FoldCounters
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.erasure import Erasure, decode_erasure, encode_erasure, erasure_key
from state.records.events import CampaignsApplied, JournalRecord, PolicyApplied, Tick, decode_record, encode_record
from state.records.outputs import Output
from state.records.progress import Progress
from state.units.local_days import format_day
from streams.kafka.topics import Topics
from streams.tables.customers_table import CustomersTable
from streams.tables.progress import decode_progress, encode_progress
from streams.wire.cloudevents import CloudEvents, PublishedRecord
from tests.oracle import moments

PREFIX: Final = "shop"

_SOURCES: Final = {
    "purchase": "purchases",
    "refund": "refunds",
    "signup": "signups",
    "consent": "consents",
    "contact": "contacts",
    "erasure": "erasures",
}
_RECORDS = CloudEvents(Topics(PREFIX), PREFIX)


_policy_of = lru_cache(maxsize=256)(parse_policy)
_campaigns_of = lru_cache(maxsize=256)(parse_campaigns)


@dataclass(frozen=True)
class Entry:
    """A record of the journal: its key and its value; its offset is its place."""

    customer_id: str
    value: bytes


def journal_of(
    steps: Iterable[Mapping[str, Any]], *, one_topic: bool = True, again: Mapping[int, int] = MappingProxyType({})
) -> list[Entry]:
    """What `admit` journals of the steps.

    Args:
        steps: as the oracle takes them, the first one a policy.
        one_topic: all events come through `events`, else each through the topic of its type.
        again: after which step how many of the last records of its source are journaled a second time, as an `admit`
            does that was killed before it had noted them.

    Raises:
        AssertionError: something was not admitted.
    """
    journal: list[Entry] = []
    written: dict[str, list[list[Entry]]] = defaultdict(list)
    exchange: AdmissionRules | None = None
    for number, step in enumerate(steps):
        kind, customer_id = step["type"], ""
        source = "control" if kind in ("tick", "policy", "campaigns") else "events" if one_topic else _SOURCES[kind]
        offset = len(written[source])
        record: JournalRecord
        brought = None
        if kind == "tick":
            journal.append(Entry("", encode_record(Tick(moments.parse(step["at"]), None))))
            continue
        if kind == "policy":
            policy = _policy_of(step["text"])
            exchange = AdmissionRules(policy.currency, policy.digits, policy.rates)
            record = PolicyApplied(source, 0, offset, step["text"])
        elif kind == "campaigns":
            record = CampaignsApplied(source, 0, offset, _campaigns_of(step["text"]).text)
        else:
            assert exchange is not None
            verdict = admit(source, 0, offset, json.dumps(step).encode(), exchange, None)
            assert isinstance(verdict, Admitted), (verdict, step)
            record, customer_id = verdict.event, verdict.customer_id
            brought = referral_of(customer_id, verdict.event)
        written[source].append([Entry(customer_id, encode_record(record))])
        if brought is not None:
            written[source][-1].append(Entry(brought[0], encode_record(brought[1])))
        journal += written[source][-1]
        for entries in written[source][-again[number] :] if number in again else []:
            journal += entries
    return journal


@dataclass
class Written:
    """What a lane has written down, and so what another one finds."""

    changelog: dict[bytes, bytes] = field(default_factory=dict)
    ledger: dict[bytes, bytes] = field(default_factory=dict)
    progress: bytes | None = None
    texts: dict[int, str] = field(default_factory=dict)

    def table(self) -> CustomersTable:
        """The table as a lane recovers it."""
        erasures = self.erasures()
        table = CustomersTable()
        for key, value in self.changelog.items():
            table.restore(key, value)
        table.finish_restore()
        for customer_id in list(table.ids()):
            erasure, profile = erasures.get(erasure_key(customer_id)), table.get(customer_id)
            if erasure is not None and profile is not None and profile.offset <= erasure.offset:
                table.remove(customer_id)
        return table

    def partition(self, table: CustomersTable, slice_size: int) -> Partition:
        """A partition that goes on from here."""
        progress = Progress(sources={}) if self.progress is None else decode_progress(self.progress)
        daily = DayCounter(table.days)
        return Partition(table, progress, self.erasures(), dict(self.texts), daily=daily, slice_size=slice_size)

    def erasures(self) -> dict[bytes, Erasure]:
        """The ledger."""
        return {key: decode_erasure(value) for key, value in self.ledger.items()}

    def profiles(self) -> dict[str, Profile]:
        """Everyone who is known."""
        table = self.table()
        profiles = {customer_id: table.get(customer_id) for customer_id in table.ids()}
        return {customer_id: profile for customer_id, profile in profiles.items() if profile is not None}

    def keep(self, records: Iterable[Record]) -> None:
        """Take records of the changelog."""
        for key, value in records:
            self.changelog.pop(key, None)
            if value is not None:
                self.changelog[key] = value


@dataclass(frozen=True)
class Crash:
    """A lane is killed while it writes what came of a batch.

    Attributes:
        since: the offset of the batch's first record, before which everything is written down, if it is not written
            further already; `at` that of its last.
        slices: of a tick or a policy as the last record: killed after so many writes in the midst of it, if there are
            so many.
        published: how many of the batch's outputs were sent; None for all of them.
        days: of the records of days' totals those that were written, by their place, if all outputs were; None for all
            of them, and the ledger after them.
        part: how many of the changelog's parts were written, if the ledger was.
        some: of the records of the next part, those that were written, by their place.
    """

    since: int
    at: int
    slices: int = 0
    published: int | None = None
    days: frozenset[int] | None = None
    part: int = 0
    some: frozenset[int] = frozenset()


class Lane:
    """Folds a journal and writes down what comes of it.

    Attributes:
        out: what has come of the records and was not sent yet.
        published: everything sent to the topics, in order; `told` what was last told of each day.
        duplicates: what was counted, by type of event; `dropped` by reason.
    """

    out: list[Output]

    def __init__(self, journal: Sequence[Entry], slice_size: int = 10_000, *, tells: bool = False) -> None:
        """Begin with nothing written down; `slice_size` as a partition has it, `tells` whether days are told."""
        self.tells = tells
        self.journal = journal
        self.slice_size = slice_size
        self.written = Written()
        self.published: list[PublishedRecord] = []
        self.told: dict[str, bytes] = {}
        self.duplicates: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.recover()

    def recover(self) -> None:
        """Forget everything but what was written down."""
        self.out = []
        self.table = self.written.table()
        self.partition = self.written.partition(self.table, self.slice_size)

    def run(self, writes: Collection[int] = (), recoveries: Collection[int] = (), end: int | None = None) -> "Lane":
        """Fold to the end; after each of these offsets write, or write and begin anew from what was written."""
        for offset in range(self.partition.progress.offset, len(self.journal) if end is None else end):
            self.fold(offset)
            if offset in writes or offset in recoveries:
                self.write()
            if offset in recoveries:
                self.recover()
        self.write()
        return self

    def fold(self, offset: int) -> None:
        """Fold one record, with writes in the midst of it where it touches many."""
        while not self.apply(offset):
            self.write(whole=False)

    def apply(self, offset: int) -> bool:
        """Fold one record, or a slice of it; whether it is done with."""
        entry = self.journal[offset]
        if not self.partition.apply(offset, entry.customer_id, decode_record(entry.value), self.out):
            return False
        self.partition.progress.offset = offset + 1
        return True

    def write(self, *, whole: bool = True) -> None:
        """Write everything down; in the midst of a record all but the progress."""
        partition, written = self.partition, self.written
        self._publish(len(self.out))
        written.keep(partition.day_records(whole=whole))
        self._write_ledger()
        for part in self.table.flush():
            written.keep(part)
        if whole:
            written.texts |= partition.new_texts
            partition.new_texts = {}
            self._tell()
            written.progress = encode_progress(partition.progress)
        self.duplicates += partition.counters.duplicates
        self.dropped += partition.counters.dropped
        partition.counters = FoldCounters(partition.daily)

    def crash(self, crash: Crash) -> None:
        """Fold from where the progress is, die as the crash says, and begin anew from what was written."""
        self.run(end=crash.since)
        at = min(max(crash.at, self.partition.progress.offset), len(self.journal) - 1)
        for offset in range(self.partition.progress.offset, at):
            self.fold(offset)
        slices, whole = 0, False
        while not (whole := self.apply(at)) and slices < crash.slices:
            self.write(whole=False)
            slices += 1
        if crash.published is not None:
            self._publish(crash.published)
        elif crash.days is not None:
            self._publish(len(self.out))
            days = self.partition.day_records(whole=whole)
            self.written.keep(record for place, record in enumerate(days) if place in crash.days)
        else:
            self._publish(len(self.out))
            self.written.keep(self.partition.day_records(whole=whole))
            self._write_ledger()
            for number, part in enumerate(self.table.flush()):
                some = [record for place, record in enumerate(part) if number < crash.part or place in crash.some]
                if number <= crash.part:
                    self.written.keep(some)
        self.recover()

    def _publish(self, count: int) -> None:
        self.published += [_RECORDS.record(output) for output in self.out[:count]]
        self.out = []

    def _tell(self) -> None:
        partition, days = self.partition, self.table.days
        if self.tells and partition.rules is not None and not is_published(days, partition.today):
            told = dict(unpublished_days(days, partition.today, partition.rules.policy))
            self.told |= {format_day(day): value for day, value in told.items()}
            self.written.keep([days.mark_published(partition.progress.offset, max([partition.today, *told]))])

    def _write_ledger(self) -> None:
        new = self.partition.new_erasures
        self.written.ledger |= {key: encode_erasure(erasure) for key, erasure in new.items()}
        self.partition.new_erasures = {}
