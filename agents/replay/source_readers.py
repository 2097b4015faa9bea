"""Find workers of another prefix that read the same source topics, which would send everything twice."""

from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from aiokafka.errors import for_code

from streams.kafka.topics import Topics
from streams.settings.settings import Settings

_GROUP_OF_ADMIT: Final = ".admit"


async def find_other_readers(settings: Settings) -> list[str]:
    """Return the other prefixes whose workers read a source topic that a worker with these settings reads.

    Groups that this user may not see are left out.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    sources = frozenset(Topics(settings.prefix, settings.sources).sources)
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        groups = {
            name
            for name, *_ in await admin.list_consumer_groups()
            if name.endswith(_GROUP_OF_ADMIT) and name != f"{settings.prefix}{_GROUP_OF_ADMIT}"
        }
        return [
            group.removesuffix(_GROUP_OF_ADMIT)
            for group in sorted(groups)
            if await _subscriptions(admin, group) & sources
        ]
    finally:
        await admin.close()


async def _subscriptions(admin: AIOKafkaAdminClient, group: str) -> frozenset[str]:
    """Return the topics that members of a group are subscribed to; none of a group that this user may not see."""
    answers: list[Any] = await admin.describe_consumer_groups([group])
    topics: set[str] = set()
    for answer in answers:
        for error, _, _, _, _, members, *_ in answer.groups:
            if error:
                if not for_code(error).retriable:
                    continue
                raise for_code(error)(f"about group {group}")
            for member in members:
                # aiokafka's schemas differ in what comes before; the assignment, which is bytes too, comes after it
                metadata = next((each for each in member if isinstance(each, bytes)), b"")
                if metadata:
                    topics.update(ConsumerProtocolMemberMetadata.decode(metadata).subscription)
    return frozenset(topics)
