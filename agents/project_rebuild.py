"""`goldstream rebuild-redis`: everything that Redis shows, written again from Kafka."""

import logging
from typing import TYPE_CHECKING, Final

from agents.in_force import in_force
from agents.projection import Emptied, Projection
from agents.redis_access import connect_redis
from streams.cluster import partitions_by_topic
from streams.control import read_control
from streams.settings import Settings
from streams.topics import Topics

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger(__name__)

SCAN: Final = 1000


async def rebuild(settings: Settings) -> int:
    """Deletes the keys of the prefix and shows every changelog partition from its beginning; 0 when all is written.

    Workers may go on meanwhile: they find Redis emptied and do the same; whoever is faster, nothing older replaces
    anything newer.

    Raises:
        NoControlTopic: there are no topics under this prefix.
        redis.exceptions.RedisError, OSError: Redis cannot be reached.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    policy = in_force(await read_control(settings)).policy
    if policy is None:
        log.error("no policy is in force under prefix %s: nothing was ever kept there", settings.prefix)
        return 1
    topics = Topics(settings.prefix)
    partitions = (await partitions_by_topic(settings)).get(topics.customers, 0)
    redis = connect_redis(settings)
    try:
        deleted = await _delete(redis, settings.prefix)
        written = 0
        for partition in range(partitions):
            projection = Projection(
                redis, settings.kafka_client(), settings.prefix, topics.customers, partition, lambda: policy
            )
            while True:
                try:
                    await projection.catch_up()
                    break
                except Emptied:
                    continue
            written += projection.written
        log.info(
            "rebuild-redis: %d keys deleted, %d customers written from %d partitions", deleted, written, partitions
        )
    finally:
        await redis.aclose()
    return 0


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
