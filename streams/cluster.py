"""Questions to a Kafka cluster that change nothing in it."""

from aiokafka.admin import AIOKafkaAdminClient

from streams.settings import Settings


async def partitions_by_topic(settings: Settings) -> dict[str, int]:
    """Count the partitions of every topic there is.

    All topics are asked for, since a broker may create one that is asked for by name.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    finally:
        await admin.close()
