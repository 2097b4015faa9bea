"""The tables that a standby follows, the offsets it starts from, and what it restores into them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from prometheus_client import CollectorRegistry

from agents.segment.standby import Standby
from state.customer.profile import encode_profile, new_profile
from streams.tables.warm_tables import WarmTables
from streams.telemetry.metrics import Metrics
from tests.lanes.clock import ManualClock

TOPIC = "shop.customers.v1"
BEGINNING = 5


class Record(NamedTuple):
    """A record of the changelog."""

    offset: int
    key: bytes
    value: bytes | None


class Reader:
    """A consumer that only records its assignment and positions."""

    def __init__(self) -> None:
        self.positions: dict[TopicPartition, int] = {}

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Replace the assignment."""
        self.positions = dict.fromkeys(partitions, -1)

    def unsubscribe(self) -> None:
        """Clear the assignment."""
        self.positions = {}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Record the position."""
        self.positions[partition] = offset

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the same beginning for each partition."""
        return dict.fromkeys(partitions, BEGINNING)


class SegmentStage:
    """The part of the stage that a standby reads: its assigned partitions."""

    def __init__(self, *assigned: int) -> None:
        self.assigned = {TopicPartition("shop.journal.v1", number) for number in assigned}


def standby(stage: Any, tables: WarmTables) -> Standby:
    """Return a standby of three partitions."""
    return Standby(stage, TOPIC, 3, {}, tables, Metrics(CollectorRegistry()), ManualClock())


def state(offset: int) -> bytes:
    """Return an encoded profile as of an offset of the journal."""
    return encode_profile(new_profile(offset=offset, seq=1, evaluated_at=5))


def changelog(number: int) -> TopicPartition:
    """Return a partition of the changelog."""
    return TopicPartition(TOPIC, number)


async def test_a_standby_follows_unassigned_partitions_from_their_positions() -> None:
    tables, stage, reader = WarmTables(ManualClock(), standby=True), SegmentStage(0), Reader()
    follower = standby(stage, tables)
    await follower._follow(reader)
    assert reader.positions == {changelog(1): BEGINNING, changelog(2): BEGINNING}
    follower._take(changelog(1), [Record(7, b"c-1", state(3)), Record(9, b"c-2", state(4))])
    stage.assigned = {TopicPartition("shop.journal.v1", 2)}
    await follower._follow(reader)
    assert reader.positions == {changelog(0): BEGINNING, changelog(1): 10}
    taken = tables.take(1)
    assert taken is not None
    assert (taken.position, sorted(taken.table.ids())) == (10, ["c-1", "c-2"])
    stage.assigned = {TopicPartition("shop.journal.v1", number) for number in range(3)}
    assert not await follower._follow(reader)
    assert reader.positions == {}


async def test_a_table_that_a_lane_took_and_lost_is_read_from_the_beginning() -> None:
    tables, reader = WarmTables(ManualClock(), standby=True), Reader()
    follower = standby(SegmentStage(0), tables)
    await follower._follow(reader)
    follower._take(changelog(1), [Record(7, b"c-1", state(3))])
    assert tables.take(1) is not None  # taken by a lane that fails before the standby checks the stage again
    follower._take(changelog(1), [Record(8, b"c-2", state(4))])
    assert 1 not in tables.all()
    reader.positions[changelog(1)] = 9  # the reader has read further
    await follower._follow(reader)
    assert reader.positions[changelog(1)] == BEGINNING
    assert list(tables.all()[1].table.ids()) == []


async def test_a_returned_table_is_followed_from_the_position_of_its_lane() -> None:
    tables, reader = WarmTables(ManualClock(), standby=True), Reader()
    follower = standby(SegmentStage(0), tables)
    await follower._follow(reader)
    follower._take(changelog(1), [Record(7, b"c-1", state(3))])
    taken = tables.take(1)
    assert taken is not None
    taken.position = 400
    tables.give_back(1, taken)
    follower._take(changelog(1), [Record(8, b"c-2", state(4))])  # fetched before the lane took the table
    await follower._follow(reader)
    assert reader.positions[changelog(1)] == 400
    assert list(tables.all()[1].table.ids()) == ["c-1"]


async def test_a_recreated_or_unreadable_changelog_drops_only_its_own_table() -> None:
    tables, reader = WarmTables(ManualClock(), standby=True), Reader()
    follower = standby(SegmentStage(0), tables)
    await follower._follow(reader)
    follower._take(changelog(1), [Record(7, b"c-1", state(3))])
    reader.positions[changelog(1)] = 8
    follower._drop_tables(OffsetOutOfRangeError({changelog(1): 8}))
    await follower._follow(reader)
    assert reader.positions[changelog(1)] == BEGINNING
    follower._take(changelog(2), [Record(7, b"c-1", state(3)), Record(8, b"c-1", b"\x09 of no version")])
    assert tables.take(2) is None
    await follower._follow(reader)
    assert reader.positions.keys() == {changelog(1)}
