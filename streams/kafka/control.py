"""The control topic: policies, campaigns and advances of time, in the order in which they shall count.

Its only partition is taken over by every partition of the journal, in the same order. A record is a JSON object with
the key `policy`, `campaigns`, `advance` or `replay`:

    {"kind": "policy", "text": "...TOML..."}
    {"kind": "campaigns", "text": "...TOML..."}
    {"kind": "advance", "to": 1767225600000, "ends": {"purchases:0": 12, "events:3": 0}}
    {"kind": "replay", "of": "goldstream", "source": "goldstream"}
    {"kind": "replay", "of": "goldstream", "source": "goldstream", "done": true}

A replay into this prefix begins and ends with a record of its own; no worker begins in between.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from streams.kafka.cluster import find_leaders, partitions_by_topic
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

ControlKind = Literal["policy", "campaigns", "advance", "replay"]

_FETCH_MS: Final = 500


class ControlRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of the control topic.

    Attributes:
        kind: what it brings.
        text: the TOML of a policy or of campaigns.
        to: the moment to advance to, in milliseconds.
        ends: for an advance, end offsets of the source partitions (`purchases:0`) below which all is journaled first.
        of: for a replay, the prefix whose journal is written here again.
        source: for a replay, the prefix that stands in `ce_source`: `of`, or if that is a replay too, its `source`.
        done: for a replay, whether it has ended.
        offset: where it lies; -1 while it lies nowhere.
    """

    kind: ControlKind
    text: str | None = None
    to: int | None = None
    ends: dict[str, int] | None = None
    of: str | None = None
    source: str | None = None
    done: bool = False
    offset: int = -1


class NoControlTopic(Exception):
    """The control topic does not exist yet."""

    def __init__(self, topic: str) -> None:
        """Say what to do."""
        super().__init__(f"topic {topic} does not exist; run `goldstream topics create` or start a worker")


_read = msgspec.json.Decoder(ControlRecord).decode


def encode_control(record: ControlRecord) -> bytes:
    """Write a record's value; the offset is no part of it."""
    return msgspec.json.encode(msgspec.structs.replace(record, offset=-1))


def decode_control(value: bytes | None, offset: int) -> ControlRecord | None:
    """Read a record's value; None where it is nothing that Goldstream writes."""
    try:
        record = _read(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    is_file = record.kind in ("policy", "campaigns") and record.text is not None
    is_advance = record.kind == "advance" and record.to is not None and record.ends is not None
    is_replay = record.kind == "replay" and record.of is not None and record.source is not None
    return msgspec.structs.replace(record, offset=offset) if is_file or is_advance or is_replay else None


async def read_control(settings: Settings) -> list[ControlRecord]:
    """Read the control topic from its beginning up to the end that it has now.

    Raises:
        NoControlTopic: it does not exist.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topic = await _existing_topic(settings)
    partition = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(**settings.kafka_client(), enable_auto_commit=False, auto_offset_reset="earliest")
    records: list[ControlRecord] = []
    try:
        await consumer.start()
        await find_leaders(consumer, [topic])
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        await consumer.seek_to_beginning(partition)
        while await consumer.position(partition) < end:
            for batch in (await consumer.getmany(partition, timeout_ms=_FETCH_MS)).values():
                read = (decode_control(message.value, message.offset) for message in batch if message.offset < end)
                records.extend(record for record in read if record is not None)
    finally:
        await consumer.stop()
    return records


async def append_control(settings: Settings, record: ControlRecord) -> int:
    """Append a record, once, and return its offset when all replicas have it.

    Raises:
        NoControlTopic: the topic does not exist.
        aiokafka.errors.KafkaError: the cluster cannot be reached, or refuses the record.
    """
    topic = await _existing_topic(settings)
    producer = AIOKafkaProducer(**settings.kafka_client(), enable_idempotence=True)
    await producer.start()
    try:
        written = await producer.send_and_wait(topic, encode_control(record), key=record.kind.encode(), partition=0)
    finally:
        await producer.stop()
    return int(written.offset)


def replay_of(records: Iterable[ControlRecord]) -> ControlRecord | None:
    """The last record of a replay into this prefix, whose `done` tells whether it has ended; None if there was none."""
    return next((record for record in reversed(list(records)) if record.kind == "replay"), None)


async def _existing_topic(settings: Settings) -> str:
    topic: str = Topics(settings.prefix).control
    if topic not in await partitions_by_topic(settings):
        raise NoControlTopic(topic)
    return topic
