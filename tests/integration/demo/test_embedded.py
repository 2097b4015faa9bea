"""What the product needs from the embedded broker and Redis (noida-db), tested through its own clients."""

import asyncio
import contextlib
import importlib.util
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import MessageSizeTooLargeError
from redis.asyncio import Redis
from redis.exceptions import WatchError

from agents.demo.embedded.broker import Embedded, EmbeddedError
from streams.clock import SYSTEM_CLOCK
from tests.running.workers import until
from tests.servers.topics import make_topic

RECORDS = 100


@pytest.fixture
async def producer(embedded: Embedded) -> AsyncIterator[AIOKafkaProducer]:
    """A producer with the product's settings."""
    async with AIOKafkaProducer(bootstrap_servers=embedded.kafka, enable_idempotence=True, acks="all") as client:
        yield client


async def _read(bootstrap: str, topic: str, records: int) -> list[ConsumerRecord[bytes, bytes]]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, 0)])
        async with asyncio.timeout(20):
            return [await consumer.getone() for _ in range(records)]


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_it_stores_records_of_every_compression(embedded: Embedded, prefix: str, compression: str | None) -> None:
    await make_topic(embedded.kafka, prefix)
    headers = [("ce_id", b"c-17:4"), ("empty", b"")]
    async with AIOKafkaProducer(bootstrap_servers=embedded.kafka, compression_type=compression) as producer:
        for number in range(RECORDS):
            await producer.send(prefix, b"a value %d" % number * 20, b"c-17", partition=0, headers=headers)
        await producer.send_and_wait(prefix, None, b"c-17", partition=0)

    records = await _read(embedded.kafka, prefix, RECORDS + 1)

    assert [record.offset for record in records] == list(range(RECORDS + 1))
    assert [record.value for record in records[:-1]] == [b"a value %d" % number * 20 for number in range(RECORDS)]
    assert records[-1].value is None, "a tombstone"
    assert {record.key for record in records} == {b"c-17"}
    assert list(records[0].headers) == headers


async def test_it_accepts_batches_of_an_idempotent_producer(
    embedded: Embedded, producer: AIOKafkaProducer, prefix: str
) -> None:
    await make_topic(embedded.kafka, prefix)
    offsets = []
    for _ in range(3):
        batch = producer.create_batch()
        for number in range(RECORDS):
            key = b"%d" % number
            assert batch.append(key=key, value=b"v", timestamp=None, headers=[("h", key)]) is not None
        offsets.append((await (await producer.send_batch(batch, prefix, partition=0))).offset)

    assert offsets == [0, RECORDS, 2 * RECORDS]
    records = await _read(embedded.kafka, prefix, 3 * RECORDS)
    assert [record.key for record in records] == [b"%d" % number for number in range(RECORDS)] * 3


async def test_it_stores_topic_settings(embedded: Embedded, prefix: str) -> None:
    settings = {"cleanup.policy": "compact", "min.compaction.lag.ms": "2592000000", "retention.ms": "-1"}
    await make_topic(embedded.kafka, prefix, partitions=4, configs=settings)
    admin = AIOKafkaAdminClient(bootstrap_servers=embedded.kafka)
    await admin.start()
    try:
        assert prefix in await admin.list_topics()
        (described,) = await admin.describe_topics([prefix])
        assert len(described["partitions"]) == 4
        (response,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, prefix)])
    finally:
        await admin.close()
    kept = {entry[0]: entry[1] for entry in response.resources[0][4]}
    assert {name: kept[name] for name in settings} == settings


async def test_it_finds_offsets_by_time(embedded: Embedded, producer: AIOKafkaProducer, prefix: str) -> None:
    await make_topic(embedded.kafka, prefix)
    now_ms = SYSTEM_CLOCK.wall_ms()  # the broker's retention may delete older records at any moment
    for second in range(5):
        await producer.send_and_wait(prefix, b"v", partition=0, timestamp_ms=now_ms + 1_000 * second)
    partition = TopicPartition(prefix, 0)
    async with AIOKafkaConsumer(bootstrap_servers=embedded.kafka) as consumer:
        assert await consumer.beginning_offsets([partition]) == {partition: 0}
        assert await consumer.end_offsets([partition]) == {partition: 5}
        found = await consumer.offsets_for_times({partition: now_ms + 2_500})
        assert found[partition].offset == 3
        assert await consumer.offsets_for_times({partition: now_ms + 5_000}) == {partition: None}


async def test_a_static_member_gets_its_partitions_and_offsets_back(embedded: Embedded, prefix: str) -> None:
    await make_topic(embedded.kafka, prefix, partitions=4)
    partition = TopicPartition(prefix, 0)
    for committed in (None, 7):
        member = AIOKafkaConsumer(
            prefix,
            bootstrap_servers=embedded.kafka,
            group_id=prefix,
            group_instance_id="worker-1",
            enable_auto_commit=False,
        )
        async with member, asyncio.timeout(20):
            while len(member.assignment()) < 4:
                await member.getmany(timeout_ms=10)
            assert await member.committed(partition) == committed
            await member.commit({partition: 7})


async def test_it_refuses_a_record_over_one_megabyte(embedded: Embedded, prefix: str) -> None:
    await make_topic(embedded.kafka, prefix)
    async with AIOKafkaProducer(bootstrap_servers=embedded.kafka, max_request_size=4_000_000) as producer:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send_and_wait(prefix, b"x" * 1_100_000, partition=0)


async def test_a_consumer_pauses_after_an_empty_fetch(embedded: Embedded, prefix: str) -> None:
    await make_topic(embedded.kafka, prefix)
    consumer = AIOKafkaConsumer(bootstrap_servers=embedded.kafka)
    asked = 0
    send = consumer._client.send

    async def counted(*args: object, **kwargs: object) -> object:
        nonlocal asked
        asked += 1
        return await send(*args, **kwargs)

    consumer._client.send = counted
    async with consumer:
        consumer.assign([TopicPartition(prefix, 0)])
        asked = 0
        await consumer.getmany(timeout_ms=500)
    assert asked <= 60, "every 10 ms, and a few for metadata; without pauses, thousands"


async def test_its_redis_has_what_the_projection_needs(embedded: Embedded, prefix: str) -> None:
    customer, segment = f"{prefix}:customer:c-17", f"{prefix}:segment:golden"
    async with Redis.from_url(embedded.redis, decode_responses=True) as client:
        async with client.pipeline(transaction=False) as pipeline:
            pipeline.hset(customer, mapping={"segment": "golden", "seq": "4"})
            pipeline.zadd(segment, {"c-17": 1_240_000, "c-18": -5})
            pipeline.zrem(segment, "c-99")
            assert await pipeline.execute() == [2, 2, 0]
        assert await client.hgetall(customer) == {"segment": "golden", "seq": "4"}
        assert await client.zrange(segment, 0, -1, desc=True, withscores=True) == [
            ("c-17", 1_240_000.0),
            ("c-18", -5.0),
        ]

        newer = "if tonumber(redis.call('HGET', KEYS[1], 'seq')) < tonumber(ARGV[1]) then \
            redis.call('HSET', KEYS[1], 'seq', ARGV[1]) return 1 end return 0"
        assert [await client.eval(newer, 1, customer, seq) for seq in (3, 5, 5)] == [0, 1, 0]

        async with client.pipeline() as pipeline:
            await pipeline.watch(customer)
            await client.hset(customer, "seq", "6")
            pipeline.multi()
            pipeline.hset(customer, "seq", "5")
            with pytest.raises(WatchError):
                await pipeline.execute()
        assert {key async for key in client.scan_iter(f"{prefix}:*")} == {customer, segment}
        assert await client.delete(customer, segment) == 2


async def test_its_saving_thread_waits_at_a_pipe_that_nobody_reads(tmp_path: Path, prefix: str) -> None:
    async with Embedded(tmp_path, SYSTEM_CLOCK) as server:
        await make_topic(server.kafka, prefix)
        async with AIOKafkaProducer(bootstrap_servers=server.kafka) as producer:
            await producer.send_and_wait(prefix, b"in memory", partition=0)
        assert [record.value for record in await _read(server.kafka, prefix, 1)] == [b"in memory"]
        assert not (tmp_path / "kafka.json").exists()

        pipe = os.open(tmp_path / "kafka.tmp", os.O_RDONLY | os.O_NONBLOCK)

        async def saves() -> bool:
            with contextlib.suppress(BlockingIOError):
                return os.read(pipe, 1) != b""
            return False

        try:
            await until(saves, "the thread to save")
        finally:
            os.close(pipe)


async def test_it_reports_why_it_does_not_start(tmp_path: Path) -> None:
    broken = Embedded(tmp_path, SYSTEM_CLOCK)
    (tmp_path / "kafka.json").write_text("not what it saved")
    try:
        with pytest.raises(EmbeddedError, match=r"did not start: it reported 'error.*log\.txt"):
            await broken.start()
    finally:
        broken.kill()


def test_it_names_the_package_when_it_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(EmbeddedError, match=r"pip install 'goldstream\[demo\]'"):
        Embedded(tmp_path, SYSTEM_CLOCK)
