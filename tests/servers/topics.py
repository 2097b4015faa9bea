"""Topics for tests."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code


async def make_topic(bootstrap: str, name: str, partitions: int = 1, configs: dict[str, str] | None = None) -> None:
    """Make a topic and wait until it has been made.

    Args:
        bootstrap: The broker.
        name: The topic; it must not exist.
        partitions: How many.
        configs: Its settings, such as `cleanup.policy`.

    Raises:
        aiokafka.errors.KafkaError: The broker refused.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs or {})])
        for _, code, *_ in response.topic_errors:
            if code != 0:
                raise for_code(code)(name)
    finally:
        await admin.close()
