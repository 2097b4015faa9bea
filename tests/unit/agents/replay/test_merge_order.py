"""Merging old journals into new partitions without a broker; folding either gives the same results.

The histories have unusual records: events late by days, ticks in some partitions only, records that `admit` journaled
twice, a second policy, customers who are erased and return.
"""

import json
import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Sequence
from itertools import chain
from typing import Any, Final, NamedTuple
from zlib import crc32

import pytest

from agents.replay.erasure_filter import ErasureFilter
from agents.replay.import_filter import ImportFilter, check_imports
from agents.replay.journal_writer import CopyProgress, JournalWriter, read_copy_progress
from agents.replay.merge_order import Barrier, OldPartition, merge_partitions
from agents.replay.replay_rules import ReplayRefused
from state.config.policy_reader import parse_policy
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.events import (
    AnonymousSale,
    CampaignsApplied,
    JournalRecord,
    PolicyApplied,
    Tick,
    decode_record,
    encode_record,
)
from streams.kafka.writing.publisher import partition_of
from streams.wire.cloudevents import PublishedRecord
from tests.integration.replay.replay_history import erasure
from tests.oracle import moments
from tests.property.folding import Entry, Lane
from tests.retail.rules import STEPPE
from tests.retail.year import DAY_MS, draw_year

SECOND_POLICY: Final = STEPPE.policy.replace("version = 3", "version = 4").replace("[7.5, 30, 89.999]", "[5, 44, 80]")
SOURCES: Final = 3


class Message(NamedTuple):
    """The parts of a Kafka record that a replay uses."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes


Journal = list[Message]


class Shop:
    """Write journals as by workers that sometimes crash: their successors journal some events again."""

    def __init__(self, rng: random.Random, partitions: int) -> None:
        self.rng = rng
        self.journals: list[Journal] = [[] for _ in range(partitions)]
        policy = parse_policy(STEPPE.policy)
        self._rules = AdmissionRules(policy.currency, policy.digits, policy.rates)
        self._written: dict[int, list[tuple[int, bytes | None, bytes]]] = defaultdict(list)

    def write(self, partition: int, key: bytes | None, record: JournalRecord | bytes) -> None:
        """Append a record."""
        journal = self.journals[partition]
        value = record if isinstance(record, bytes) else encode_record(record)
        journal.append(Message(len(journal), len(journal), key, value))

    def write_to_all(self, record: JournalRecord, share: float = 1.0) -> None:
        """Append a record to every partition, or to a random share of them."""
        for partition in range(len(self.journals)):
            if share == 1.0 or self.rng.random() < share:
                self.write(partition, None, record)

    def admit(self, event: dict[str, Any]) -> None:
        """Journal an event, and sometimes the last ones of its source again."""
        source = crc32((event.get("customer_id") or event["event_id"]).encode()) % SOURCES
        written = self._written[source]
        admitted = admit("events", source, len(written), json.dumps(event).encode(), self._rules, None)
        assert isinstance(admitted, Admitted), admitted
        key = admitted.customer_id.encode() or None
        partition = partition_of(key or admitted.event.event_id.encode(), len(self.journals))
        written.append((partition, key, encode_record(admitted.event)))
        self.write(*written[-1])
        if self.rng.random() < 0.01:
            for again in written[-self.rng.randrange(1, 60) :]:
                self.write(*again)


IMPORTS: Final = ("spring.csv", "copy of spring.csv", "summer.csv")


def open_shop(seed: int, partitions: int, *, imports: bool = False) -> Shop:
    """Return journals with a year of some sixty customers, in this many partitions, perhaps with events of imports."""
    rng = random.Random(seed)
    events = draw_year(seed, STEPPE, 60).events
    for index, event in enumerate(events):
        if rng.random() < 0.1:  # up to some weeks late, between the events of other customers
            events.insert(min(len(events), index + rng.randrange(1, 40)), events.pop(index))
            del event
    shop = Shop(rng, partitions)
    shop.write_to_all(PolicyApplied("control", 0, 0, STEPPE.policy))
    shop.write_to_all(CampaignsApplied("control", 0, 1, STEPPE.campaigns))
    latest = 0
    for number, event in enumerate(events):
        shop.admit(event | {"import_id": rng.choice(IMPORTS)} if imports and rng.random() < 0.3 else event)
        latest = max(latest, moments.parse(event["occurred_at"]))
        if rng.random() < 0.2:
            shop.write_to_all(Tick(latest - rng.randrange(3) * DAY_MS, None), rng.choice([1.0, 1.0, 0.6]))
        if number == len(events) // 2:
            shop.write_to_all(Tick(latest, None))  # otherwise the merged policy could be activated at another moment
            shop.write_to_all(PolicyApplied("control", 0, 2, SECOND_POLICY))
    shop.write_to_all(Tick(latest + 200 * DAY_MS, 7))
    return shop


async def batches(journal: Journal, size: int) -> AsyncIterator[Sequence[Any]]:
    """Yield a partition in batches."""
    for begin in range(0, len(journal), size):
        yield journal[begin : begin + size]


class PartitionAppender:
    """The writer of one partition."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal

    def add(self, key: bytes | None, value: bytes, _headers: None, timestamp: int | None) -> None:
        """Append a record."""
        self.journal.append(Message(len(self.journal), timestamp or 0, key, value))


class Broker:
    """A batch writer that fails after `room` records."""

    def __init__(self, journals: list[Journal], room: int) -> None:
        self.journals, self.room = journals, room

    def to(self, _topic: str, partition: int) -> PartitionAppender:
        """Return the writer of a partition."""
        if self.room == 0:
            raise BrokenPipeError
        self.room -= 1
        return PartitionAppender(self.journals[partition])


async def replay(
    old_journals: Sequence[Journal],
    lanes: Sequence[Lane],
    new_journals: list[Journal],
    *,
    size: int,
    room: int = -1,
    without: Sequence[str] = (),
) -> ErasureFilter:
    """Merge all old journals into the new ones, as one group."""
    imports = ImportFilter(without)
    ledgers = {number: lane.written.erasures() for number, lane in enumerate(lanes)}
    progress: dict[int, CopyProgress] = {}
    for number, journal in enumerate(new_journals):
        progress[number] = await read_copy_progress(batches(journal, size), ledgers)
    erased = ErasureFilter(ledgers, (key for copied in progress.values() for key in copied.erased_later))
    writer: Any = JournalWriter(Broker(new_journals, room), "journal", len(new_journals), progress)  # type: ignore[arg-type]
    partitions = [OldPartition(number, batches(journal, size)) for number, journal in enumerate(old_journals)]
    async for merged in merge_partitions(partitions):
        if not isinstance(merged, Barrier):
            for entry in merged:
                if imports.is_retained(entry) and erased.is_retained(entry):
                    writer.add_event(entry, entry.event)
        elif isinstance(merged.record, Tick):
            writer.advance_time(merged.record.at, merged.timestamp)
        else:
            writer.add_rules(merged.record, merged.timestamp)
    writer.add_last_ticks()
    return erased


def folded(journals: Iterable[Journal], erased: ErasureFilter | None = None) -> list[Lane]:
    """Return a folded lane per journal; after a replay, its ledger starts with the erasures that the replay wrote."""
    lanes = []
    for journal in journals:
        lane = Lane([Entry((message.key or b"").decode(), message.value) for message in journal])
        if erased is not None:
            lane.partition.erasures.update(erased.new_ledger())
        lanes.append(lane.run(writes=range(0, len(journal), 50)))
    return lanes


def published_by_customer(lanes: Iterable[Lane]) -> dict[bytes, list[PublishedRecord]]:
    """Return everything published for each customer, in order; for erased ones, after their last erasure."""
    published: dict[bytes, list[PublishedRecord]] = defaultdict(list)
    for lane in lanes:
        for record in lane.published:
            if record[2] is None:
                published[record[1]] = []
            else:
                published[record[1]].append(record)
    return {customer: records for customer, records in published.items() if records}


def consent(customer: str) -> str:
    """Return an event that does not bring an erased customer back."""
    event = {"type": "consent", "channel": "all", "granted": True, "occurred_at": "2026-06-02T00:00:00Z"}
    return json.dumps(event | {"event_id": f"consent of {customer}", "customer_id": customer})


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize(("old", "new"), [(1, 3), (3, 1), (3, 2), (2, 5), (1, 1)])
async def test_merged_partitions_publish_the_same_for_each_customer(seed: int, old: int, new: int) -> None:
    shop = open_shop(seed, old)
    before = folded(shop.journals)
    journals: list[Journal] = [[] for _ in range(new)]
    erased = await replay(shop.journals, before, journals, size=1 + seed * 37)
    assert published_by_customer(folded(journals, erased)) == published_by_customer(before)


@pytest.mark.parametrize("seed", range(4))
async def test_erased_customers_are_in_the_new_journal_only_after_their_return(seed: int) -> None:
    shop = open_shop(seed, 2)
    customers = sorted({message.key for journal in shop.journals for message in journal if message.key})
    for customer in customers[::7]:
        shop.admit(json.loads(erasure(customer.decode(), "2026-06-01T00:00:00Z").value or b""))
        if customer in customers[::14]:  # arrives after the erasure, for an unknown customer
            shop.admit(json.loads(consent(customer.decode())))
    before = folded(shop.journals)
    known = {customer.encode() for lane in before for customer in lane.written.profiles()}
    journals: list[Journal] = [[] for _ in range(3)]
    await replay(shop.journals, before, journals, size=100)
    tombstones = {record[1] for lane in before for record in lane.published if record[2] is None}
    assert set(customers[::7]) <= tombstones - known
    assert not (tombstones - known) & {message.key for journal in journals for message in journal}


@pytest.mark.parametrize("seed", range(6))
async def test_a_replay_interrupted_anywhere_and_repeated_writes_the_same(seed: int) -> None:
    shop = open_shop(seed, 2)
    before = folded(shop.journals)
    uninterrupted: list[Journal] = [[] for _ in range(3)]
    await replay(shop.journals, before, uninterrupted, size=50)
    interrupted: list[Journal] = [[] for _ in range(3)]
    rng = random.Random(seed)
    for _ in range(4):
        with pytest.raises(BrokenPipeError):
            await replay(shop.journals, before, interrupted, size=70, room=rng.randrange(1, 60))
    await replay(shop.journals, before, interrupted, size=90)
    assert interrupted == uninterrupted


@pytest.mark.parametrize("without", [IMPORTS[:1], IMPORTS[1:], IMPORTS], ids=str)
async def test_a_replay_without_imports_publishes_as_if_they_had_never_been(without: Sequence[str]) -> None:
    shop = open_shop(len(without), 2, imports=True)
    never: list[Journal] = []
    for journal in shop.journals:
        others = [each for each in journal if getattr(decode_record(each.value), "import_id", None) not in without]
        never.append([each._replace(offset=offset) for offset, each in enumerate(others)])
    before, expected = folded(shop.journals), folded(never)
    journals: list[Journal] = [[] for _ in range(3)]
    erased = await replay(shop.journals, before, journals, size=50, without=without)
    found = folded(journals, erased)
    ever_erased = {record[1] for lane in (*before, *expected) for record in lane.published if record[2] is None}
    assert ever_erased, "of these, `seq` continues from the old journal"
    published, should = (
        {key: records for key, records in published_by_customer(lanes).items() if key not in ever_erased}
        for lanes in (found, expected)
    )
    assert published == should
    assert published_by_customer(before) != should
    left = {getattr(decode_record(each.value), "import_id", None) for journal in journals for each in journal}
    assert left == {None, *IMPORTS} - set(without)


async def test_an_import_of_which_the_journal_has_no_event_is_refused() -> None:
    """The error names the imports of which it has some, those with the most events first."""
    shop = open_shop(3, 2, imports=True)
    counts = Counter(getattr(decode_record(each.value), "import_id", None) for each in chain(*shop.journals))
    read: list[int] = []

    async def check(*import_ids: str, journals: Sequence[Journal] = shop.journals) -> None:
        partitions = [OldPartition(number, batches(journal, 40)) for number, journal in enumerate(journals)]
        await check_imports(import_ids, "shop", partitions, read.append)

    await check("summer.csv", "spring.csv")
    assert read[-1] == sum(map(len, shop.journals))
    with pytest.raises(ReplayRefused) as refused:
        await check("autumn.csv", "summer.csv", "autumn.csv")
    assert str(refused.value).startswith(
        "--without-import: no event in the journal of shop has the import id autumn.csv; "
    )
    known = [str(refused.value).index(f"{name} (") for name in sorted(IMPORTS, key=lambda name: -counts[name])]
    assert known == sorted(known)
    with pytest.raises(ReplayRefused, match=r"import id summer\.csv; it has no events of any import$"):
        await check("summer.csv", journals=open_shop(3, 1).journals)


async def test_only_the_last_of_consecutive_ticks_is_copied() -> None:
    shop = Shop(random.Random(0), 1)
    shop.write_to_all(PolicyApplied("control", 0, 0, STEPPE.policy))
    for at in (5, 3, 7, 7, 9):
        shop.write_to_all(Tick(at, None))
    shop.write(0, None, AnonymousSale("events", 0, 0, "sale", 8, backfill=False, sale="purchase", base=1, discount=0))
    journals: list[Journal] = [[]]
    await replay(shop.journals, folded(shop.journals), journals, size=3)
    tick = encode_record(Tick(9, None))
    assert [message.value == tick for message in journals[0]] == [False, True, False]
