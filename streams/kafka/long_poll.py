"""Patience for a broker that has none.

Kafka's consumers ask for records and leave it to the broker to wait until there are some. The embedded broker answers
at once, with nothing (noida-db 0.2.3, `handle_fetch`), and a consumer at the end of its partitions asks it thousands
of times a second: measured, half a core for the consumer and a fifth for the broker. Apache Kafka never answers so.
"""

import asyncio
import time
from typing import Any, Final

from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.api import Response

PAUSE_S: Final = 0.01
"""How long an answer without records is held back: a record waits at most this much longer for its reader."""

_FETCH: Final = 1
"""Kafka's number of the request for records."""


def long_poll(consumer: AIOKafkaConsumer) -> AIOKafkaConsumer:
    """The same consumer, which pauses for 10 ms after an answer that came at once and without records.

    Call it before the consumer is started. On a broker that waits as it should, nothing changes.
    """
    client = consumer._client  # noqa: SLF001 - aiokafka has no other place to see a fetch's answer
    send = client.send

    async def patient_send(*args: Any, **kwargs: Any) -> Response:
        asked_at_s = time.monotonic()
        response: Response = await send(*args, **kwargs)
        early = time.monotonic() - asked_at_s < PAUSE_S
        if early and response.API_KEY == _FETCH and not _has_something_to_say(response):
            await asyncio.sleep(PAUSE_S)
        return response

    client.send = patient_send
    return consumer


def _has_something_to_say(response: Response) -> bool:
    """Whether a fetch's answer has a record or an error; each partition ends with its records, second is its error."""
    return any(partition[-1] or partition[1] for _, partitions in response.topics for partition in partitions)
