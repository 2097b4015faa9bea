"""What all partitions collected is written together, on a real Redis, which may hang."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from aiokafka import ConsumerRecord
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from agents.project import redis_link
from agents.project.customers_projector import CustomersProjector
from agents.project.projection_writer import MAX_COLLECTED, ProjectedPartition, ProjectionWriter
from agents.project.redis_connection import connect_redis
from state.config.policy import Policy
from state.config.policy_reader import parse_policy
from state.customer.profile import decode_profile, encode_profile, new_profile
from streams.clock import SYSTEM_CLOCK
from streams.defaults import policy_text
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Waiter
from tests.running.workers import until
from tests.servers.redis_server import RedisServer
from tests.servers.slow_redis import SlowRedis

NEVER = asyncio.Event()
POLICY = parse_policy(policy_text())


def _record(offset: int, customer_id: str, segment: str | None, monetary: int = 100) -> ConsumerRecord:
    """Return a record of the changelog; a tombstone without a segment."""
    value = None
    if segment is not None:
        profile = new_profile(offset, 1, 1_780_000_000_000)
        profile.segment, profile.monetary, profile.policy = segment, monetary, POLICY.ref
        value = encode_profile(profile)
    return ConsumerRecord("customers", 0, offset, 0, 0, customer_id.encode(), value, None, 0, 0, ())


class _Projection:
    """A writer with recovered partitions of an empty changelog."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._registry = CollectorRegistry()
        self.writer = ProjectionWriter(redis, Metrics(self._registry), SYSTEM_CLOCK)
        self.partitions: list[ProjectedPartition] = []
        self._redis = redis
        self._prefix = prefix

    def sample(self, metric: str) -> float | None:
        """Return the value of a metric without labels."""
        return self._registry.get_sample_value(metric)

    async def add(self) -> None:
        """Add the next partition."""

        async def policy(_ref: str) -> Policy:
            return POLICY

        number = len(self.partitions)
        projector = CustomersProjector(self._redis, {}, self._prefix, "customers", number, policy)
        partition = ProjectedPartition(projector, Waiter(SYSTEM_CLOCK))
        await self.writer.recover(partition, 0, NEVER)
        self.partitions.append(partition)


@asynccontextmanager
async def _projection(url: str, prefix: str, count: int) -> AsyncIterator[_Projection]:
    async with connect_redis(Settings(redis=url)) as redis:
        projection = _Projection(redis, prefix)
        for _ in range(count):
            await projection.add()
        try:
            yield projection
        finally:
            for partition in projection.partitions:
                await projection.writer.remove(partition)


async def _commands(redis: RedisServer) -> dict[str, int]:
    """Return how often Redis has run each command."""
    async with Redis.from_url(redis.url) as client:
        stats = await client.info("commandstats")
    return {name.removeprefix("cmdstat_"): each["calls"] for name, each in stats.items()}


async def _segments(redis: RedisServer, prefix: str) -> dict[str, set[str]]:
    async with Redis.from_url(redis.url, decode_responses=True) as client:
        keys = [key async for key in client.scan_iter(f"{prefix}:segment:*", count=1000)]
        return {key.rpartition(":")[2]: {str(each) for each in await client.zrange(key, 0, -1)} for key in keys}


async def _offsets(redis: RedisServer, prefix: str, count: int) -> Sequence[int]:
    async with Redis.from_url(redis.url) as client:
        keys = [f"{prefix}:project-customers:{number}" for number in range(count)]
        return [int(each or 0) for each in await client.mget(keys)]


async def test_a_tick_of_all_partitions_is_one_transaction_with_each_customer_once(
    redis_server: RedisServer, prefix: str
) -> None:
    async with _projection(redis_server.url, prefix, 3) as projection:
        for number, partition in enumerate(projection.partitions):
            records = [_record(offset, f"ö-{number}-{offset % 5}", "new") for offset in range(20)]
            partition.collected.add([*records, _record(20, f"ö-{number}-0", "golden")])
        before = await _commands(redis_server)
        await projection.writer.write(projection.partitions[0], NEVER)
        ran = {name: calls - before.get(name, 0) for name, calls in (await _commands(redis_server)).items()}

        assert (ran["exec"], ran["hset"], ran["hmget"], ran["zadd"]) == (1, 15 + 3, 15, 6 + 3)
        assert [partition.cursor for partition in projection.partitions] == [21, 21, 21]
        assert [len(partition.collected) for partition in projection.partitions] == [0, 0, 0]
    assert await _offsets(redis_server, prefix, 3) == [21, 21, 21]
    assert await _segments(redis_server, prefix) == {
        "golden": {f"ö-{number}-0" for number in range(3)},
        "new": {f"ö-{number}-{other}" for number in range(3) for other in range(1, 5)},
    }


async def test_a_customer_is_in_one_segment_or_after_an_erasure_in_none(redis_server: RedisServer, prefix: str) -> None:
    steps: list[list[str | None]] = [["new", "new"], ["golden", "new"], [None, "potential"], ["new", None]]
    async with _projection(redis_server.url, prefix, 1) as projection:
        (partition,) = projection.partitions
        for offset, segments in enumerate(steps):
            partition.collected.add(
                [_record(2 * offset + each, f"c-{each}", segment) for each, segment in enumerate(segments)]
            )
            await projection.writer.write(partition, NEVER)
            expected: dict[str, set[str]] = {}
            for each, segment in enumerate(segments):
                if segment is not None:
                    expected.setdefault(segment, set()).add(f"c-{each}")
            assert await _segments(redis_server, prefix) == expected


async def test_two_workers_that_write_the_same_partitions_at_once_leave_the_last_record_of_each_customer(
    redis_server: RedisServer, prefix: str, seed: int
) -> None:
    rng = random.Random(seed)
    customers = [f"c-{number}" for number in range(12)]
    logs = [
        [
            _record(offset, f"{number}-{rng.choice(customers)}", rng.choice([None, "new", "golden", "sleeping"]))
            for offset in range(400)
        ]
        for number in range(2)
    ]

    async def follow(partition: ProjectedPartition, writer: ProjectionWriter, log: Sequence[ConsumerRecord]) -> None:
        begin = 0
        while begin < len(log):
            end = begin + rng.randint(1, 30)
            partition.collected.add(log[begin:end])
            await writer.write(partition, NEVER)
            begin = end

    async with (
        _projection(redis_server.url, prefix, 2) as one,
        _projection(redis_server.url, prefix, 2) as other,
    ):
        await asyncio.gather(
            *(
                follow(partition, each.writer, log)
                for each in (one, other)
                for partition, log in zip(each.partitions, logs, strict=True)
            )
        )
    expected: dict[str, set[str]] = {}
    last = {record.key.decode(): record.value for log in logs for record in log}
    for customer_id, value in last.items():
        if value is not None:
            expected.setdefault(decode_profile(value).segment, set()).add(customer_id)
    assert await _segments(redis_server, prefix) == expected
    assert await _offsets(redis_server, prefix, 2) == [400, 400]
    async with Redis.from_url(redis_server.url, decode_responses=True) as client:
        shown = {key async for key in client.scan_iter(f"{prefix}:customer:*", count=1000)}
    assert shown == {f"{prefix}:customer:{each}" for each, value in last.items() if value is not None}


async def test_a_backlog_is_written_in_parts_without_waiting_for_a_tick(redis_server: RedisServer, prefix: str) -> None:
    count = MAX_COLLECTED + 1
    async with _projection(redis_server.url, prefix, 2) as projection:
        for number, partition in enumerate(projection.partitions):
            partition.collected.add([_record(offset, f"{number}-{offset}", "new") for offset in range(count)])
            assert projection.writer.due_in(partition) == 0
        before = await _commands(redis_server)
        await projection.writer.write(projection.partitions[1], NEVER)
        ran = (await _commands(redis_server))["exec"] - before.get("exec", 0)
        assert ran == 10, "of each partition 4 x 500 customers and 1"
        assert projection.sample("goldstream_projected_total") == 2 * count
    assert await _offsets(redis_server, prefix, 2) == [count, count]


async def test_nothing_is_due_when_everything_is_written(redis_server: RedisServer, prefix: str) -> None:
    async with _projection(redis_server.url, prefix, 1) as projection:
        (partition,) = projection.partitions
        assert projection.writer.due_in(partition) is None
        partition.collected.add([_record(0, "c", "new")])
        assert projection.writer.due_in(partition) is not None
        await projection.writer.write(partition, NEVER)
        assert projection.writer.due_in(partition) is None
        before = await _commands(redis_server)
        await projection.writer.write(partition, NEVER)
        after = await _commands(redis_server)
        assert {name for name in after if after[name] != before.get(name)} <= {"info", "hello", "client|setinfo"}


@pytest.mark.parametrize("bytes_of_a_reply", [0, 3])
async def test_a_redis_that_hangs_holds_the_lane_until_it_answers(
    redis_server: RedisServer, prefix: str, monkeypatch: pytest.MonkeyPatch, bytes_of_a_reply: int
) -> None:
    monkeypatch.setattr(redis_link, "TIMEOUT_S", 0.2)
    async with SlowRedis(redis_server) as redis, _projection(redis.url, prefix, 2) as projection:
        one, other = projection.partitions
        one.collected.add([_record(offset, f"c-{offset % 7}", "new") for offset in range(30)])
        redis.hang(bytes_of_a_reply)
        writing = asyncio.create_task(projection.writer.write(one, NEVER))

        async def is_noticed() -> bool:
            return projection.sample("goldstream_redis_up") == 0

        await until(is_noticed, "it to be noticed that Redis hangs", every_s=0.01)
        other.collected.add([_record(0, "d", "golden")])
        stop = asyncio.Event()
        stop.set()
        await projection.writer.write(other, stop)  # a lane that closes does not wait
        await projection.writer.write_last(other)
        assert (one.cursor, other.cursor, writing.done()) == (0, 0, False)
        assert one.waiter.steps, "waiting for Redis does not count as being stuck"

        redis.answer()
        await writing
        await projection.writer.write(other, NEVER)
        assert projection.sample("goldstream_redis_up") == 1
    assert await _offsets(redis_server, prefix, 2) == [30, 1]
    assert await _segments(redis_server, prefix) == {"new": {f"c-{each}" for each in range(7)}, "golden": {"d"}}


async def test_what_was_skipped_as_written_is_written_if_redis_is_emptied_meanwhile(
    redis_server: RedisServer, prefix: str
) -> None:
    async with Redis.from_url(redis_server.url) as client:
        await client.set(f"{prefix}:project-customers:0", 5)
    async with _projection(redis_server.url, prefix, 1) as projection:
        (partition,) = projection.partitions
        partition.collected.add([_record(offset, f"c-{offset}", "new") for offset in range(3)])
        redis_server.flush()
        await projection.writer.write(partition, NEVER)
    assert await _segments(redis_server, prefix) == {"new": {"c-0", "c-1", "c-2"}}


def test_commands_are_packed_with_lengths_in_bytes() -> None:
    packed = redis_link.pack("SET", "ключ", 17)
    assert packed.encode() == "*3\r\n$3\r\nSET\r\n$8\r\nключ\r\n$2\r\n17\r\n".encode()
    assert re.findall(r"\$(\d+)", redis_link.pack("", "a\r\nb")) == ["0", "4"]
