"""`goldstream rebuild-redis`: write the whole projection again from Kafka."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from agents.project.customers_projector import CustomersProjector
from agents.project.daily_projector import DailyProjector
from agents.project.flows_projector import FlowsProjector
from agents.project.redis_connection import connect_redis
from agents.project.redis_projector import RedisEmptied, RedisProjector
from state.config.policy import Policy
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.control import read_control, reduce_control
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

SCAN_COUNT: Final = 1000


class NothingToProject(Exception):
    """No policy is active under the prefix, so there are no customers."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"prefix {prefix} has no active policy, so it has no customers: check GOLDSTREAM_PREFIX")


class Rebuilt(NamedTuple):
    """What was written again: keys deleted before, customers, daily parts, changes, and of how many partitions."""

    deleted: int
    customers: int
    daily_parts: int
    changes: int
    partitions: int


async def rebuild(settings: Settings, on_progress: Callable[[float], None]) -> Rebuilt:
    """Delete the keys of the prefix, and project every partition from its beginning.

    Workers may run in the meantime: they find Redis emptied and do the same. Nothing older replaces anything newer.

    Args:
        settings: with a Redis.
        on_progress: called with the share of partitions that are written, from 0 to 1.

    Raises:
        NothingToProject: no policy is active under this prefix.
        NoControlTopic: there are no topics under this prefix.
        redis.exceptions.RedisError, OSError: Redis cannot be reached.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    control = reduce_control(await read_control(settings))
    active = control.policy
    if active is None:
        raise NothingToProject(settings.prefix)

    async def find_policy(ref: str) -> Policy:
        """Return the policy that a customer was evaluated with, or the active one if `control` no longer has it."""
        return control.policies.get(ref, active)

    topics = Topics(settings.prefix)
    partitions = await partitions_by_topic(settings)
    redis = connect_redis(settings)
    try:
        deleted = await _delete(redis, settings.prefix)
        place = redis, settings.kafka_client(), settings.prefix
        customers = [
            CustomersProjector(*place, topics.customers, partition, find_policy)
            for partition in range(partitions.get(topics.customers, 0))
        ]
        days = [DailyProjector(*place, topics.daily, partition) for partition in range(partitions.get(topics.daily, 0))]
        flows = [
            FlowsProjector(*place, topics.segment_changes, partition)
            for partition in range(partitions.get(topics.segment_changes, 0))
        ]
        projectors = (*customers, *days, *flows)
        for done, projector in enumerate(projectors, 1):
            await _project_all(projector)
            on_progress(done / len(projectors))
        return Rebuilt(deleted, _written(customers), _written(days), _written(flows), len(customers))
    finally:
        await redis.aclose()


def _written(projectors: Sequence[RedisProjector]) -> int:
    return sum(projector.written_count for projector in projectors)


async def holds_keys(settings: Settings) -> bool:
    """Return whether Redis holds anything under the prefix, which `rebuild` would delete.

    Raises:
        redis.exceptions.RedisError, OSError: Redis cannot be reached.
    """
    redis = connect_redis(settings)
    try:
        async for _ in redis.scan_iter(match=f"{settings.prefix}:*", count=SCAN_COUNT):
            return True
    finally:
        await redis.aclose()
    return False


async def _project_all(projector: RedisProjector) -> None:
    while True:
        try:
            await projector.catch_up()
        except RedisEmptied:
            continue
        return


async def _delete(redis: "Redis", prefix: str) -> int:
    deleted = 0
    keys: list[str] = []
    async for key in redis.scan_iter(match=f"{prefix}:*", count=SCAN_COUNT):
        keys.append(key)
        if len(keys) >= SCAN_COUNT:
            deleted += await redis.unlink(*keys)
            keys.clear()
    if keys:
        deleted += await redis.unlink(*keys)
    return deleted
