"""Which tables a standby follows, from where, and what it puts into them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError
from prometheus_client import CollectorRegistry

from agents.segment.standby import Standby
from state.customer.profile import encode_profile, new_profile
from streams.tables.warm_tables import WarmTables
from streams.telemetry.metrics import Metrics
from tests.clock import ManualClock

TOPIC = "shop.customers.v1"
BEGINNING = 5


class Record(NamedTuple):
    """A record of the changelog."""

    offset: int
    key: bytes
    value: bytes | None


class Reader:
    """A consumer that only notes what it is asked for."""

    def __init__(self) -> None:
        """Begin with nothing assigned."""
        self.at: dict[TopicPartition, int] = {}

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """Take partitions."""
        self.at = dict.fromkeys(partitions, -1)

    def unsubscribe(self) -> None:
        """Let all go."""
        self.at = {}

    def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from there."""
        self.at[partition] = offset

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Where the partitions begin."""
        return dict.fromkeys(partitions, BEGINNING)


class SegmentStage:
    """What a standby asks of the stage."""

    def __init__(self, *assigned: int) -> None:
        """Have these partitions."""
        self.assigned = {TopicPartition("shop.journal.v1", number) for number in assigned}


def standby(stage: Any, tables: WarmTables) -> Standby:
    """A standby over three partitions."""
    return Standby(stage, TOPIC, 3, {}, tables, Metrics(CollectorRegistry()), ManualClock())


def state(offset: int) -> bytes:
    """Somebody as of an offset of the journal."""
    return encode_profile(new_profile(offset=offset, seq=1, judged=5))


def changelog(number: int) -> TopicPartition:
    """A partition of the changelog."""
    return TopicPartition(TOPIC, number)


async def test_it_follows_what_the_stage_does_not_have_each_table_from_where_it_stands() -> None:
    tables, stage, reader = WarmTables(ManualClock(), standby=True), SegmentStage(0), Reader()
    following = standby(stage, tables)
    await following._follow(reader)
    assert reader.at == {changelog(1): BEGINNING, changelog(2): BEGINNING}
    following._take(changelog(1), [Record(7, b"c-1", state(3)), Record(9, b"c-2", state(4))])
    stage.assigned = {TopicPartition("shop.journal.v1", 2)}
    await following._follow(reader)
    assert reader.at == {changelog(0): BEGINNING, changelog(1): 10}
    taken = tables.take(1)
    assert taken is not None
    assert (taken.position, sorted(taken.table.ids())) == (10, ["c-1", "c-2"])
    stage.assigned = {TopicPartition("shop.journal.v1", number) for number in range(3)}
    assert not await following._follow(reader)
    assert reader.at == {}


async def test_a_table_that_a_lane_took_and_did_not_give_back_is_begun_anew_though_the_partitions_are_the_same() -> (
    None
):
    tables, reader = WarmTables(ManualClock(), standby=True), Reader()
    following = standby(SegmentStage(0), tables)
    await following._follow(reader)
    following._take(changelog(1), [Record(7, b"c-1", state(3))])
    assert tables.take(1) is not None  # between two looks at the stage, and its lane failed
    following._take(changelog(1), [Record(8, b"c-2", state(4))])
    assert 1 not in tables.all()
    reader.at[changelog(1)] = 9  # it has read on
    await following._follow(reader)
    assert reader.at[changelog(1)] == BEGINNING
    assert list(tables.all()[1].table.ids()) == []


async def test_one_that_was_given_back_is_followed_from_where_the_lane_left_it() -> None:
    tables, reader = WarmTables(ManualClock(), standby=True), Reader()
    following = standby(SegmentStage(0), tables)
    await following._follow(reader)
    following._take(changelog(1), [Record(7, b"c-1", state(3))])
    taken = tables.take(1)
    assert taken is not None
    taken.position = 400
    tables.give_back(1, taken)
    following._take(changelog(1), [Record(8, b"c-2", state(4))])  # fetched for the table as it was before
    await following._follow(reader)
    assert reader.at[changelog(1)] == 400
    assert list(tables.all()[1].table.ids()) == ["c-1"]


async def test_a_changelog_that_was_made_anew_or_is_of_another_version_is_not_all() -> None:
    tables, reader = WarmTables(ManualClock(), standby=True), Reader()
    following = standby(SegmentStage(0), tables)
    await following._follow(reader)
    following._take(changelog(1), [Record(7, b"c-1", state(3))])
    reader.at[changelog(1)] = 8
    following._drop_tables(OffsetOutOfRangeError({changelog(1): 8}))
    await following._follow(reader)
    assert reader.at[changelog(1)] == BEGINNING
    following._take(changelog(2), [Record(7, b"c-1", state(3)), Record(8, b"c-1", b"\x09 of no version")])
    assert tables.take(2) is None
    await following._follow(reader)
    assert reader.at.keys() == {changelog(1)}
