"""A pause after each empty fetch, since the embedded broker has no long poll.

A fetch without records to deliver should be answered only when there are some. The embedded broker answers at once with
nothing (noida-db 0.2.3, `handle_fetch`), and a consumer at the end of its partitions asks it thousands of times a
second: measured, half a core for the consumer and a fifth for the broker. Apache Kafka never answers like this, so a
production worker does without.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.api import Response

from streams.clock import Clock

PAUSE_S: Final = 0.01
"""A record waits at most this much longer for its reader."""

_FETCH: Final = 1
"""Kafka's API key of a fetch."""


@contextmanager
def pausing_after_empty_fetches(clock: Clock) -> Iterator[None]:
    """Let every consumer of this process pause for 10 ms after a fetch that was answered at once and without records.

    On a broker that waits as it should, nothing changes. Blocks must end in the reverse order of their beginning.
    """
    send = AIOKafkaClient.send  # all requests pass here; aiokafka has no other place to see the answer of a fetch

    async def send_and_pause(client: AIOKafkaClient, *args: Any, **kwargs: Any) -> Response:
        asked_at_s = clock.monotonic()
        response: Response = await send(client, *args, **kwargs)
        is_early = clock.monotonic() - asked_at_s < PAUSE_S
        if is_early and response.API_KEY == _FETCH and _is_empty(response):
            await clock.sleep(PAUSE_S)
        return response

    AIOKafkaClient.send = send_and_pause
    try:
        yield
    finally:
        AIOKafkaClient.send = send


def _is_empty(response: Response) -> bool:
    """Whether no partition has a record or an error: of each, the records come last, and the error is the second."""
    return not any(partition[-1] or partition[1] for _, partitions in response.topics for partition in partitions)
