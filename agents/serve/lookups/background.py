"""What runs beside the requests, through every failure of Kafka."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

from aiokafka.errors import KafkaError

from streams.clock import Clock
from streams.errors import describe_error
from streams.kafka.reader import OffsetTruncated
from streams.retries import Backoff, pause, retry_until_stopped
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 0.5
MAX_PAUSE_SECONDS: Final = 10.0
RESET_AFTER_SECONDS: Final = 30.0
BETWEEN_SECONDS: Final = 0.1


async def run_forever(what: str, run: Callable[[], Awaitable[None]], stop: asyncio.Event, clock: Clock) -> None:
    """Run something again whenever it ends, until `stop` is set or the task is cancelled.

    Args:
        what: for the log.
        run: follows something in Kafka; raises `KafkaError`, `OSError` or `TimeoutError` when that does not work.
        stop: ends it.
        clock: measures the pauses.
    """
    throttle = LogThrottle(clock)

    async def on_error(error: Exception, pause_s: float) -> None:
        del pause_s
        if throttle.should_log():
            log.warning("%s: %s; it is tried again", what, describe_error(error))

    while not stop.is_set():
        await retry_until_stopped(
            run,
            on=(KafkaError, OSError, TimeoutError, OffsetTruncated),
            stop=stop,
            clock=clock,
            backoff=Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
            on_error=on_error,
            reset_after_s=RESET_AFTER_SECONDS,
        )
        await pause(BETWEEN_SECONDS, stop, clock)
