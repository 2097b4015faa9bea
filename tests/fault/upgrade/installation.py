"""An installation in a file: its topics, consumer groups and Redis, stopped in the middle of a history.

The file also has the events that were published next, and what the version that wrote it made of them. It is JSON,
compressed with xz; bytes are base64. `tests/fault/upgrade/record.py` writes one.
"""

import base64
import json
import lzma
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata
from redis.asyncio import Redis

PREFIX: Final = "shop"
GROUPS: Final = ("admit", "segment", "project")
OUTPUTS: Final = ("segment-changes", "offers", "reactivations", "suppressions", "outcomes", "daily")

RedisValue = tuple[str, Any]
"""The type of a key and its contents: a hash as a dict, a sorted set as pairs, a string as bytes."""


class StoredRecord(NamedTuple):
    """A record of a topic; its offset is its index in the partition."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes | None]]
    timestamp_ms: int


class Installation(NamedTuple):
    """See the module.

    Attributes:
        files: the policy and the campaigns, by setting.
        settings: the other settings of the worker, without `GOLDSTREAM_`.
        topics: records by short topic name and partition.
        offsets: by group, the committed offset of each partition: full topic name, partition, offset.
        redis: by key.
        next_events: key and value of the records that were published to `events` after the stop.
        advance_to: the moment to which the history was then advanced.
        next_outputs: what was published to each output topic after the stop, by partition.
        next_redis: Redis at the end.
    """

    files: Mapping[str, str]
    settings: Mapping[str, str]
    topics: Mapping[str, Sequence[Sequence[StoredRecord]]]
    offsets: Mapping[str, Sequence[tuple[str, int, int]]]
    redis: Mapping[str, RedisValue]
    next_events: Sequence[tuple[bytes | None, bytes | None]]
    advance_to: str
    next_outputs: Mapping[str, Sequence[Sequence[StoredRecord]]]
    next_redis: Mapping[str, RedisValue]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return the installation in a file."""
        found = json.loads(lzma.decompress(path.read_bytes()))
        before, after = found["before"], found["after"]
        return cls(
            files={"POLICY": found["policy"], "CAMPAIGNS": found["campaigns"]},
            settings=found["settings"],
            topics={name: _partitions(rows) for name, rows in before["topics"].items()},
            offsets={group: [tuple(each) for each in offsets] for group, offsets in before["groups"].items()},
            redis={key: _redis_value(*value) for key, value in before["redis"].items()},
            next_events=[(_bytes(key), _bytes(value)) for key, value in found["then"]["events"]],
            advance_to=found["then"]["advance"],
            next_outputs={name: _partitions(rows) for name, rows in after["outputs"].items()},
            next_redis={key: _redis_value(*value) for key, value in after["redis"].items()},
        )

    def write(self, path: Path) -> None:
        """Write the installation to a file that `read` reads."""
        content = {
            "policy": self.files["POLICY"],
            "campaigns": self.files["CAMPAIGNS"],
            "settings": dict(self.settings),
            "before": {"topics": self.topics, "groups": self.offsets, "redis": self.redis},
            "then": {"events": self.next_events, "advance": self.advance_to},
            "after": {"outputs": self.next_outputs, "redis": self.next_redis},
        }
        path.write_bytes(lzma.compress(json.dumps(_as_json(content), separators=(",", ":")).encode(), preset=9))

    async def restore_topics(self, kafka: str) -> None:
        """Write the records to the topics, which exist and are empty, and commit the offsets of the groups."""
        async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
            for name, partitions in self.topics.items():
                for partition, records in enumerate(partitions):
                    await _write(producer, topic(name), partition, records)
        for group in GROUPS:
            offsets = {TopicPartition(name, number): offset for name, number, offset in self.offsets[group]}
            async with AIOKafkaConsumer(
                bootstrap_servers=kafka, group_id=f"{PREFIX}.{group}", enable_auto_commit=False
            ) as consumer:
                consumer.assign(list(offsets))
                await consumer.commit({tp: OffsetAndMetadata(offset, "") for tp, offset in offsets.items()})

    async def restore_redis(self, redis: Redis) -> None:
        """Write the keys to an empty Redis."""
        for key, (kind, value) in self.redis.items():
            if kind == "hash":
                await redis.hset(key, mapping=value)
            elif kind == "zset":
                await redis.zadd(key, dict(value))
            else:
                await redis.set(key, value)


async def read_redis(redis: Redis) -> dict[str, RedisValue]:
    """Return all keys of the prefix with their contents."""
    found: dict[str, RedisValue] = {}
    client: Any = redis  # its answers are bytes: nothing is decoded here
    async for key in client.scan_iter(f"{PREFIX}:*"):
        kind = (await client.type(key)).decode()
        if kind == "hash":
            value = {name.decode(): each for name, each in (await client.hgetall(key)).items()}
        elif kind == "zset":
            value = await client.zrange(key, 0, -1, withscores=True)
        else:
            value = await client.get(key)
        found[key.decode()] = kind, value
    return found


async def list_topics(kafka: str) -> list[tuple[str, int]]:
    """Return short name and number of partitions of every topic of the prefix."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(f"{PREFIX}.")]
        described = await admin.describe_topics(names)
    finally:
        await admin.close()
    return sorted(
        (each["topic"].removeprefix(f"{PREFIX}.").removesuffix(".v1"), len(each["partitions"])) for each in described
    )


async def read_offsets(kafka: str) -> dict[str, list[tuple[str, int, int]]]:
    """Return the committed offsets of the groups."""
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        found = {group: await admin.list_consumer_group_offsets(f"{PREFIX}.{group}") for group in GROUPS}
    finally:
        await admin.close()
    return {
        group: sorted((tp.topic, tp.partition, each.offset) for tp, each in offsets.items() if each.offset >= 0)
        for group, offsets in found.items()
    }


def topic(name: str) -> str:
    """Return the full name of a topic."""
    return f"{PREFIX}.{name}.v1"


async def _write(producer: AIOKafkaProducer, name: str, partition: int, records: Sequence[StoredRecord]) -> None:
    batch = producer.create_batch()
    for record in records:
        row = {"key": record.key, "value": record.value, "headers": record.headers, "timestamp": record.timestamp_ms}
        if batch.append(**row) is None:
            await (await producer.send_batch(batch, name, partition=partition))
            batch = producer.create_batch()
            assert batch.append(**row) is not None
    if batch.record_count():
        await (await producer.send_batch(batch, name, partition=partition))


def _partitions(rows: Any) -> list[list[StoredRecord]]:
    return [
        [
            StoredRecord(_bytes(key), _bytes(value), [(name, _bytes(each)) for name, each in headers], timestamp)
            for key, value, headers, timestamp in records
        ]
        for records in rows
    ]


def _redis_value(kind: str, value: Any) -> RedisValue:
    if kind == "hash":
        return kind, {name: _bytes(each) for name, each in value.items()}
    if kind == "zset":
        return kind, [(_bytes(member), score) for member, score in value]
    return kind, _bytes(value)


def _as_json(value: Any) -> Any:
    """Return the value with bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {name: _as_json(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_as_json(each) for each in value]
    return value


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
