"""Topics for tests."""

import asyncio
import contextlib
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaConnectionError, for_code

VISIBLE_WITHIN_S: Final = 30.0


async def make_topic(bootstrap: str, name: str, partitions: int = 1, configs: dict[str, str] | None = None) -> None:
    """Create a topic and wait until it exists.

    Args:
        bootstrap: The broker.
        name: The topic; it must not exist.
        partitions: How many.
        configs: Its settings, such as `cleanup.policy`.

    Raises:
        aiokafka.errors.KafkaError: The broker refused.
        TimeoutError: The broker does not show it.
    """
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        response = await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs or {})])
        for _, code, *_ in response.topic_errors:
            if code != 0:
                raise for_code(code)(name)
        async with asyncio.timeout(VISIBLE_WITHIN_S):  # the controller has it; the broker learns it a moment later
            while True:
                (described,) = await admin.describe_topics([name])
                if described["error_code"] == 0 and len(described["partitions"]) == partitions:
                    break
                await asyncio.sleep(0.02)
    finally:
        await admin.close()


async def delete_topics(bootstrap: str, prefix: str) -> None:
    """Delete all topics with this prefix; do nothing if the broker is away."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    with contextlib.suppress(KafkaConnectionError):
        try:
            await admin.start()
            names = [name for name in await admin.list_topics() if name.startswith(prefix)]
            if names:
                await admin.delete_topics(names)
        finally:
            await admin.close()
