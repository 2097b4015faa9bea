"""Who leads the partitions of a topic that a consumer is about to ask about."""

from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer


async def find_leaders(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> None:
    """Let a started consumer learn of these topics besides those that it knows, all at once.

    It would learn of them by itself, but asked for an offset of a topic that it does not know, aiokafka forgets the
    question, sleeps for a tenth of a second and asks again (`Fetcher._retrieve_offsets`), topic by topic: at the start
    of a lane and of a worker that adds up to more than all the rest.
    """
    client: Any = consumer._client  # noqa: SLF001 - only `assign` and `subscribe` do this publicly, and do not wait
    await client.set_topics({*client._topics, *topics})  # noqa: SLF001
