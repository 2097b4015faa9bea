"""The product's way from published events to published changes, without a broker: admit, journal, fold, write down.

What a lane writes is kept here as bytes, so that a fold can be stopped anywhere and taken up again by another that
knows nothing but these bytes. The order of writing is that of `agents.segment`.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from agents.segment import decode_progress, encode_progress
from state.admission import Admitted, Exchange, admit
from state.changes import Output
from state.erasure import Erasure, erasure_key
from state.events import CampaignsApplied, JournalRecord, PolicyApplied, TimeCame, decode_record, encode_record
from state.partition import Partition, Progress
from state.policy import parse_policy
from state.profile import Profile, decode_profile
from streams.cloudevents import CloudEvents, PublishedRecord
from streams.customers_table import CustomersTable
from streams.topics import Topics
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


@dataclass(frozen=True)
class Entry:
    """A record of the journal: its key and its value; its offset is its place."""

    customer_id: str
    value: bytes


def journal_of(steps: Iterable[Mapping[str, Any]], *, one_topic: bool = True) -> list[Entry]:
    """What `admit` journals of the steps, through `events` or through a topic for each type.

    Raises:
        AssertionError: an event was not admitted.
    """
    journal: list[Entry] = []
    offsets: Counter[str] = Counter()
    exchange: Exchange | None = None
    for step in steps:
        kind, customer_id = step["type"], ""
        source = {"policy": "control", "campaigns": "control"}.get(kind, "events" if one_topic else _SOURCES.get(kind, ""))
        offset = offsets[source]
        offsets[source] += 1
        record: JournalRecord
        if kind == "tick":
            record = TimeCame(moments.parse(step["at"]), None)
        elif kind == "policy":
            policy = parse_policy(step["text"])
            exchange = Exchange(policy.currency, policy.digits, policy.rates)
            record = PolicyApplied(source, 0, offset, step["text"])
        elif kind == "campaigns":
            record = CampaignsApplied(source, 0, offset, step["text"])
        else:
            assert exchange is not None
            verdict = admit(source, 0, offset, json.dumps(step).encode(), exchange, None)
            assert isinstance(verdict, Admitted), (verdict, step)
            record, customer_id = verdict.event, verdict.customer_id
        journal.append(Entry(customer_id, encode_record(record)))
    return journal


@dataclass
class Written:
    """What a lane has written down, and so what another one finds."""

    changelog: dict[str, bytes] = field(default_factory=dict)
    ledger: dict[bytes, bytes] = field(default_factory=dict)
    progress: bytes | None = None

    def recovered(self, slice_size: int) -> tuple[Partition, CustomersTable]:
        """A partition as a lane recovers it."""
        erasures = {key: msgspec.msgpack.decode(value, type=Erasure) for key, value in self.ledger.items()}
        table = CustomersTable()
        for customer_id, value in self.changelog.items():
            erasure = erasures.get(erasure_key(customer_id))
            if erasure is None or decode_profile(value).offset > erasure.offset:
                table.restore(customer_id, value)
        progress = Progress(sources={}) if self.progress is None else decode_progress(self.progress)
        return Partition(table, progress, erasures, slice_size=slice_size), table


@dataclass(frozen=True)
class Crash:
    """A lane is killed while it writes what came of a batch.

    Attributes:
        at: the offset of the batch's last record.
        slices: a tick or a policy as the last record: killed after so many writes in the midst of it, if there are any.
        published: how many of the batch's outputs were sent.
        written: the customers whose state was written, all outputs and the ledger before them; None if it was killed
            before it came to write any.
    """

    at: int
    slices: int
    published: int
    written: frozenset[str] | None


@dataclass
class Lane:
    """Folds a journal and writes down what comes of it.

    Attributes:
        published: everything sent to the topics, in order.
        duplicates: what was counted, by type of event; `dropped` by reason.
    """

    journal: Sequence[Entry]
    slice_size: int = 10_000
    written: Written = field(default_factory=Written)
    published: list[PublishedRecord] = field(default_factory=list)
    duplicates: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Begin with what was written down."""
        self.out: list[Output] = []
        self.recover()

    def recover(self) -> None:
        """Forget everything but what was written down."""
        self.out = []
        self.partition, self.table = self.written.recovered(self.slice_size)

    def run(self, writes: Collection[int] = (), recoveries: Collection[int] = ()) -> "Lane":
        """Fold to the end; after each of these offsets write, or write and begin anew from what was written."""
        for offset in range(self.partition.progress.offset, len(self.journal)):
            self.fold(offset)
            if offset in writes or offset in recoveries:
                self.write(offset + 1)
            if offset in recoveries:
                self.recover()
        self.write(len(self.journal))
        return self

    def fold(self, offset: int) -> None:
        """Fold one record, with writes in the midst of it where it touches many."""
        while not self.apply(offset):
            self.write(None)

    def apply(self, offset: int) -> bool:
        """Fold a slice of one record."""
        entry = self.journal[offset]
        if not self.partition.apply(offset, entry.customer_id, decode_record(entry.value), self.out):
            return False
        self.partition.progress.offset = offset + 1
        return True

    def write(self, offset: int | None) -> None:
        """Write everything; the progress only between records."""
        self.publish(len(self.out))
        self.write_ledger()
        for customer_id, state in self.table.flush():
            self.keep(customer_id, state)
        if offset is not None:
            self.written.progress = encode_progress(self.partition.progress)
        self.duplicates += self.partition.tally.duplicates
        self.dropped += self.partition.tally.dropped
        self.partition.tally.duplicates.clear()
        self.partition.tally.dropped.clear()

    def crash(self, crash: Crash) -> None:
        """Fold from where the progress is, die as the crash says, and begin anew from what was written."""
        for offset in range(self.partition.progress.offset, crash.at):
            self.fold(offset)
        for _ in range(crash.slices):
            if self.apply(crash.at):
                break
            self.write(None)
        else:
            self.apply(crash.at)
        if crash.written is None:
            self.publish(crash.published)
        else:
            self.publish(len(self.out))
            self.write_ledger()
            for customer_id, state in self.table.flush():
                if customer_id in crash.written:
                    self.keep(customer_id, state)
        self.recover()

    def publish(self, count: int) -> None:
        """Send the first outputs that wait."""
        self.published += [_RECORDS.record(output) for output in self.out[:count]]
        self.out = []

    def write_ledger(self) -> None:
        """Write the new entries of the ledger."""
        self.written.ledger |= {
            key: msgspec.msgpack.encode(erasure) for key, erasure in self.partition.new_erasures.items()
        }
        self.partition.new_erasures = {}

    def keep(self, customer_id: str, state: bytes | None) -> None:
        """Write one record of the changelog."""
        self.written.changelog.pop(customer_id, None)
        if state is not None:
            self.written.changelog[customer_id] = state

    def profiles(self) -> dict[str, Profile]:
        """Everyone known, by what was written down."""
        return {customer_id: decode_profile(value) for customer_id, value in self.written.changelog.items()}

    def erasures(self) -> dict[bytes, Erasure]:
        """The ledger, by what was written down."""
        return {key: msgspec.msgpack.decode(value, type=Erasure) for key, value in self.written.ledger.items()}
