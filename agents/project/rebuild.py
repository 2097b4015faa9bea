"""`goldstream rebuild-redis`: everything that Redis shows, written again from Kafka."""

import logging
from typing import TYPE_CHECKING, Final

from agents.project.customers_projection import CustomersProjection
from agents.project.daily_projection import DailyProjection
from agents.project.redis_connection import connect_redis
from agents.project.redis_projector import RedisEmptied, RedisProjector
from state.config.policy import Policy
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.control import read_control, reduce_control
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

SCAN: Final = 1000


async def rebuild(settings: Settings) -> int:
    """Deletes the keys of the prefix and shows every partition from its beginning; 0 when all is written.

    Workers may go on meanwhile: they find Redis emptied and do the same; whoever is faster, nothing older replaces
    anything newer.

    Raises:
        NoControlTopic: there are no topics under this prefix.
        redis.exceptions.RedisError, OSError: Redis cannot be reached.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    control = reduce_control(await read_control(settings))
    in_force_now = control.policy
    if in_force_now is None:
        log.error("no policy is in force under prefix %s: nothing was ever kept there", settings.prefix)
        return 1

    async def policy(ref: str) -> Policy:
        """The policy by which a customer was judged; should `control` no longer have it, the one in force."""
        return control.policies.get(ref, in_force_now)

    topics = Topics(settings.prefix)
    partitions = await partitions_by_topic(settings)
    redis = connect_redis(settings)
    try:
        deleted = await _delete(redis, settings.prefix)
        where = redis, settings.kafka_client(), settings.prefix
        customers = [
            CustomersProjection(*where, topics.customers, partition, policy)
            for partition in range(partitions.get(topics.customers, 0))
        ]
        days = [
            DailyProjection(*where, topics.daily, partition) for partition in range(partitions.get(topics.daily, 0))
        ]
        for projection in (*customers, *days):
            await _show_all(projection)
        log.info(
            "rebuild-redis: %d keys deleted, %d customers and %d parts of days written from %d partitions",
            deleted, sum(each.written for each in customers), sum(each.written for each in days), len(customers),
        )  # fmt: skip
    finally:
        await redis.aclose()
    return 0


async def _show_all(projection: RedisProjector) -> None:
    while True:
        try:
            await projection.catch_up()
        except RedisEmptied:
            continue
        return


async def _delete(redis: "Redis", prefix: str) -> int:
    deleted = 0
    keys: list[str] = []
    async for key in redis.scan_iter(match=f"{prefix}:*", count=SCAN):
        keys.append(key)
        if len(keys) >= SCAN:
            deleted += await redis.unlink(*keys)
            keys.clear()
    if keys:
        deleted += await redis.unlink(*keys)
    return deleted
