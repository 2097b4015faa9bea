"""The `control` topic: policies, campaigns and advances of time, in the order in which they take effect.

It has one partition, and every partition of the journal takes its policies and campaigns in the same order. The key is
`policy`, `campaigns`, `advance` or `replay`, and the value a JSON object:

    {"kind": "policy", "text": "...TOML..."}
    {"kind": "campaigns", "text": "...TOML...", "begins_at": 1767225600000}
    {"kind": "advance", "to": 1767225600000, "ends": {"purchases:0": 12, "events:3": 0}}
    {"kind": "replay", "of": "goldstream", "source": "goldstream"}
    {"kind": "replay", "of": "goldstream", "source": "goldstream", "done": true}

A replay into this prefix writes a record when it starts and one when it is done; no worker starts in between.
"""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition

from state.config.active_rules import ActiveRules, Decision
from state.config.campaigns import parse_campaigns
from state.config.config_errors import ConfigErrors
from streams.kafka.cluster import open_consumer, partitions_by_topic
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

ControlKind = Literal["policy", "campaigns", "advance", "replay"]

CONTROL_SOURCE: Final = "control:0"
"""The name of the topic's partition in `source-times`, where the lane that journals it reports its position."""

_FETCH_MS: Final = 500


class ControlRecord(msgspec.Struct, frozen=True, omit_defaults=True):
    """One record of the control topic.

    Attributes:
        kind: what the record carries.
        text: the TOML of a policy or of campaigns.
        begins_at: for campaigns, the moment before which changes start nothing, in milliseconds
            (`beginning_of`); None for no such limit, as in records of event mode and of earlier versions.
        to: for an advance, the time to advance to, in milliseconds.
        ends: for an advance, the end offset of each source partition (`purchases:0`): all below is journaled first.
        of: for a replay, the prefix whose journal is copied.
        source: for a replay, the prefix in `ce_source`: `of`, or the `source` of `of` if that is a replay itself.
        without: for a replay, the ids of the imports that are left out, sorted.
        done: for a replay, whether it is complete.
        offset: where the record is in the topic; -1 before it is written.
        written_ms: when it was written, by its own timestamp, in milliseconds; -1 if that is not known.
    """

    kind: ControlKind
    text: str | None = None
    begins_at: int | None = None
    to: int | None = None
    ends: dict[str, int] | None = None
    of: str | None = None
    source: str | None = None
    without: tuple[str, ...] = ()
    done: bool = False
    offset: int = -1
    written_ms: int = -1


class NoControlTopic(Exception):
    """The control topic does not exist yet."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic} does not exist; run `goldstream topics create` or start a worker")


_decode = msgspec.json.Decoder(ControlRecord).decode


def encode_control(record: ControlRecord) -> bytes:
    """Return a record's value; its offset and time are not part of it."""
    return msgspec.json.encode(msgspec.structs.replace(record, offset=-1, written_ms=-1))


def decode_control(value: bytes | None, offset: int, written_ms: int = -1) -> ControlRecord | None:
    """Return the record with this value, or None if Goldstream does not write such values."""
    try:
        record = _decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    is_file = record.kind in ("policy", "campaigns") and record.text is not None
    is_advance = record.kind == "advance" and record.to is not None and record.ends is not None
    is_replay = record.kind == "replay" and record.of is not None and record.source is not None
    if not (is_file or is_advance or is_replay):
        return None
    return msgspec.structs.replace(record, offset=offset, written_ms=written_ms)


def apply_rules(rules: ActiveRules, record: ControlRecord) -> Decision | None:
    """Apply a record with a policy or campaigns to the active rules; None for a record of another kind."""
    if record.kind == "policy":
        return rules.apply_policy(record.text or "")
    if record.kind == "campaigns":
        return rules.apply_campaigns(record.text or "", record.begins_at)
    return None


def reduce_control(records: Iterable[ControlRecord]) -> ActiveRules:
    """Return what is active after these records, the first of which is the first of the topic."""
    rules = ActiveRules()
    for record in records:
        apply_rules(rules, record)
    return rules


def beginning_of(records: Iterable[ControlRecord], name: str, now_ms: int | None) -> int | None:
    """Return `begins_at` of a new record of campaigns: of the last record of the same name, else the clock.

    Args:
        records: those of the topic so far.
        name: of the campaigns file.
        now_ms: the wall time; None in event mode, which has no beginning.
    """
    if now_ms is None:
        return None
    for record in reversed(list(records)):
        if record.kind == "campaigns" and _name_of(record.text or "") == name:
            return record.begins_at
    return now_ms


def _name_of(text: str) -> str | None:
    """Return the name of a campaigns file; None if it is invalid."""
    try:
        return parse_campaigns(text).name
    except ConfigErrors:
        return None


async def read_control(settings: Settings) -> list[ControlRecord]:
    """Read the control topic from its start to its current end; what Goldstream did not write is left out.

    Raises:
        NoControlTopic: the topic does not exist.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topic = await _existing_topic(settings)
    partition = TopicPartition(topic, 0)
    records: list[ControlRecord] = []
    async with open_consumer(settings.kafka_client(), [topic], auto_offset_reset="earliest") as consumer:
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        await consumer.seek_to_beginning(partition)
        while await consumer.position(partition) < end:
            for batch in (await consumer.getmany(partition, timeout_ms=_FETCH_MS)).values():
                read = (
                    decode_control(message.value, message.offset, message.timestamp)
                    for message in batch
                    if message.offset < end
                )
                records.extend(record for record in read if record is not None)
    return records


async def append_control(settings: Settings, record: ControlRecord) -> int:
    """Append a record exactly once, wait until all in-sync replicas have it, and return its offset.

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
    """Return the last record of a replay into this prefix, complete or not; None if there was no replay."""
    return next((record for record in reversed(list(records)) if record.kind == "replay"), None)


async def _existing_topic(settings: Settings) -> str:
    topic: str = Topics(settings.prefix).control
    if topic not in await partitions_by_topic(settings):
        raise NoControlTopic(topic)
    return topic
