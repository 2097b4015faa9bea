"""Read-only questions to a Kafka cluster: its topics, and who leads their partitions."""

import asyncio
from collections.abc import Collection, Iterable
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaTimeoutError

from streams.settings.settings import Settings

_LOOK_AGAIN_S: Final = 0.1
_VISIBLE_WITHIN_S: Final = 30.0


async def partitions_by_topic(settings: Settings) -> dict[str, int]:
    """Count the partitions of every topic there is.

    All topics are asked for, since a broker may create one that is asked for by name.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        return await _partitions_by_topic(admin)
    finally:
        await admin.close()


async def until_visible(settings: Settings, topics: Collection[str]) -> None:
    """Return when all of the topics can be seen.

    A controller says that a topic is created before its brokers know of it; on a busy machine that takes a second.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached, or they are not there within 30 seconds.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        async with asyncio.timeout(_VISIBLE_WITHIN_S):
            while not set(topics) <= (await _partitions_by_topic(admin)).keys():  # noqa: ASYNC110 - Kafka sends no word
                await asyncio.sleep(_LOOK_AGAIN_S)
    except TimeoutError:
        raise KafkaTimeoutError(f"topics are not to be seen: {', '.join(sorted(topics))}") from None
    finally:
        await admin.close()


async def find_leaders(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> None:
    """Let a started consumer fetch the metadata of these topics, in one request, besides those that it knows.

    It would fetch them by itself, but asked for an offset of an unknown topic, aiokafka drops the request, sleeps for a
    tenth of a second and asks again (`Fetcher._retrieve_offsets`), topic by topic: when a lane or a worker starts, that
    adds up to more than all the rest.
    """
    client: Any = consumer._client  # noqa: SLF001 - only `assign` and `subscribe` do this publicly, and do not wait
    await client.set_topics({*client._topics, *topics})  # noqa: SLF001


async def _partitions_by_topic(admin: AIOKafkaAdminClient) -> dict[str, int]:
    return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
