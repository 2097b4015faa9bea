"""A batch put together by hand is read by aiokafka as what was put into it."""

from typing import Any

from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from state.changes import Move, SegmentChanged
from streams.cloudevents import CloudEvents
from streams.record_batch import RecordBatch, encode_headers, varint
from streams.topics import Topics

_BYTES = st.binary(max_size=200) | st.integers(4000, 5000).map(bytes)
_HEADERS = st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), _BYTES), max_size=9)
_RECORDS = st.lists(
    st.tuples(st.none() | _BYTES, st.none() | _BYTES, _HEADERS, st.integers(0, 4_000_000_000_000)),
    min_size=1,
    max_size=20,
)
PRODUCER = 4_294_967_297, 300, 70_000


def read(batch: RecordBatch) -> list[tuple[Any, ...]]:
    """The records as aiokafka reads them, with their offsets in the batch and their moments."""
    batch._set_producer_state(*PRODUCER)
    records = MemoryRecords(batch._build())
    assert records.has_next()
    found = records.next_batch()
    assert found.validate_crc()
    assert (found.producer_id, found.next_offset) == (PRODUCER[0], batch.record_count())
    assert not found.is_control_batch
    assert not found.is_transactional
    read = [(each.offset, each.timestamp, each.key, each.value, list(each.headers)) for each in found]
    assert not records.has_next()
    return read


@given(_RECORDS)
def test_what_aiokafka_reads_is_what_was_put_in(
    given_records: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]],
) -> None:
    batch = RecordBatch(1 << 20)
    for key, value, headers, moment in given_records:
        assert batch.add(key, value, encode_headers(headers), moment)
    assert read(batch) == [
        (offset, moment, key, value, headers) for offset, (key, value, headers, moment) in enumerate(given_records)
    ]
    batch._set_producer_state(*PRODUCER)
    assert len(batch._build()) <= batch.size()


@given(st.integers(1, 50), st.integers(100, 2000))
def test_a_batch_is_full_before_its_limit_unless_its_first_record_is_larger(size: int, limit: int) -> None:
    batch = RecordBatch(limit)
    while batch.add(b"k", bytes(size * 10), b"\x00"):
        pass
    assert batch.record_count() >= 1
    assert batch.record_count() == 1 or len(batch._build()) <= limit


@given(st.integers(-(1 << 62), 1 << 62))
def test_a_varint_is_what_kafka_reads(number: int) -> None:
    rest, shift = 0, 0
    for byte in varint(number):
        rest |= (byte & 127) << shift
        shift += 7
    assert (rest >> 1) ^ -(rest & 1) == number


def test_the_headers_of_a_change_are_those_of_its_record() -> None:
    events = CloudEvents(Topics("shop"), "shop")
    move = Move("", "new", "", "311", (), "retail-27@1", "RUB", 2)
    change = SegmentChanged("Ж-17", 4, move, 1_000, "purchase", "e-1", False, 1, 100, 1_000)
    topic, key, value, headers = events.record(change)
    assert topic == events.changes_topic
    assert events.change(change) == (key, value, encode_headers(headers))
