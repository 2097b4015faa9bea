"""Read-only questions to a Kafka cluster: its topics, and who leads their partitions."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, KafkaTimeoutError
from aiokafka.protocol.offset import OffsetRequest

from streams.errors import is_cancelled
from streams.settings.settings import Settings

_LOOK_AGAIN_S: Final = 0.1
_USABLE_WITHIN_S: Final = 30.0
_COORDINATOR_WITHIN_S: Final = 30.0
_ANSWER_SECONDS: Final = 5.0

# Arguments of a request for offsets: the end of a partition, asked by a client that reads uncommitted records.
_LATEST: Final = -1
_NO_REPLICA: Final = -1
_UNCOMMITTED: Final = 0


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


async def end_offsets(settings: Settings, topic: str) -> dict[int, int]:
    """Return the current end offset of each partition of a topic; nothing without the topic.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    count = (await partitions_by_topic(settings)).get(topic, 0)
    if not count:
        return {}
    async with open_consumer(settings.kafka_client(), [topic]) as consumer:
        ends = await consumer.end_offsets([TopicPartition(topic, number) for number in range(count)])
    return {tp.partition: end for tp, end in ends.items()}


async def find_outage(kafka: Mapping[str, Any]) -> Exception | None:
    """Ask the cluster for its brokers, on a new connection; return why it does not answer within 5 s, or None."""
    client = AIOKafkaClient(**kafka)
    try:
        async with asyncio.timeout(_ANSWER_SECONDS):
            await client.bootstrap()
    except (KafkaError, OSError, TimeoutError) as error:
        return error
    else:
        return None
    finally:
        await client.close()


@contextlib.asynccontextmanager
async def open_consumer(
    kafka: Mapping[str, Any], topics: Collection[str] = (), **options: Any
) -> AsyncIterator[AIOKafkaConsumer]:
    """Open a consumer outside any group, and stop it in the end.

    Args:
        kafka: arguments of the client.
        topics: whose leaders are found first.
        options: further arguments of the consumer.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    consumer = AIOKafkaConsumer(**kafka, enable_auto_commit=False, **options)
    try:
        await consumer.start()
        if topics:
            await find_leaders(consumer, topics)
        yield consumer
    finally:
        await stop_consumer(consumer)


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also one that has not started, and close its connections.

    Stopped while it pauses between two attempts to fetch, aiokafka's consumer raises a `CancelledError` and leaves its
    connections open (`Fetcher.close`).
    """
    try:
        await consumer.stop()
    except asyncio.CancelledError:
        await consumer._client.close()  # noqa: SLF001 - this is what `stop` leaves out
        if is_cancelled():
            raise


async def wait_for_topics(settings: Settings, topics: Collection[str]) -> None:
    """Wait until newly created topics can be used: every partition of them has a leader that answers.

    A controller reports a topic as created before its brokers know of it; on a busy machine that takes a second. Until
    then clients log errors (`NotLeaderForPartitionError`) that mean nothing.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached, or the topics are not usable within 30 seconds.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        async with asyncio.timeout(_USABLE_WITHIN_S):
            while not await _are_usable(admin, topics):  # noqa: ASYNC110 - Kafka sends no notification
                await asyncio.sleep(_LOOK_AGAIN_S)
    except TimeoutError:
        raise KafkaTimeoutError(f"topics have no leaders: {', '.join(sorted(topics))}") from None
    finally:
        await admin.close()


async def wait_for_coordinator(admin: AIOKafkaAdminClient, group: str) -> None:
    """Wait, for 30 s at most, while brokers create their topic of groups.

    The first question about a group makes them do so; until then clients log errors
    (`GroupCoordinatorNotAvailableError`) that mean nothing.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_COORDINATOR_WITHIN_S):
            while True:
                try:
                    await admin.find_coordinator(group)
                except GroupCoordinatorNotAvailableError:
                    await asyncio.sleep(_LOOK_AGAIN_S)
                except KafkaError:  # whoever needs the group reports it
                    return
                else:
                    return


async def _are_usable(admin: AIOKafkaAdminClient, topics: Collection[str]) -> bool:
    """Whether the leader of each partition answers for it, which is asked as consumers ask: by the end offset."""
    described = [topic for topic in await admin.describe_topics() if topic["topic"] in topics]
    if len(described) < len(topics):
        return False
    by_leader: dict[int, list[tuple[str, list[tuple[int, int]]]]] = defaultdict(list)
    for topic in described:
        for partition in topic["partitions"]:
            if partition["leader"] < 0:
                return False
            by_leader[partition["leader"]].append((topic["topic"], [(partition["partition"], _LATEST)]))
    for leader, partitions in by_leader.items():
        # aiokafka's admin client has no public request for offsets
        answer: Any = await admin._client.send(leader, OffsetRequest(_NO_REPLICA, _UNCOMMITTED, partitions))  # noqa: SLF001
        if any(error for _, parts in answer.topics for _, error, *_ in parts):
            return False
    return True


async def has_records(admin: AIOKafkaAdminClient, topic: str, partitions: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a topic was ever written to; True also if a leader does not answer for it.

    Args:
        admin: a started client.
        topic: full name.
        partitions: as `describe_topics` returns them.
    """
    for partition in partitions:
        number, leader = partition["partition"], partition["leader"]
        if leader < 0:
            return True
        request = OffsetRequest(_NO_REPLICA, _UNCOMMITTED, [(topic, [(number, _LATEST)])])
        answer: Any = await admin._client.send(leader, request)  # noqa: SLF001 - as above
        ((_, ((_, error, _, end, *_),)),) = answer.topics
        if error or end:
            return True
    return False


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
