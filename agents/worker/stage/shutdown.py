"""Log lines of a shutdown: what the worker still waits for."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Final

from state.units.counts import counted
from streams.clock import Clock
from streams.engine.in_flight import in_flight_by_topic
from streams.engine.stage import Stage

log = logging.getLogger(__name__)

LOG_SECONDS: Final = 2.0


async def log_shutdown(stop: asyncio.Event, stages: Sequence[Stage], clock: Clock) -> None:
    """Log what is not finished as soon as `stop` is set, then every two seconds until cancelled."""
    await stop.wait()
    log.info("stopping: %s", _unfinished(stages))
    while True:
        await clock.sleep(LOG_SECONDS)
        log.info("stop waits for %s", _unfinished(stages))


def _unfinished(stages: Sequence[Stage]) -> str:
    return "; ".join(part for stage in stages for part in _unfinished_of(stage)) or "the consumer groups to be left"


def _unfinished_of(stage: Stage) -> Iterator[str]:
    if not stage.assigned:
        return
    queued = sum(stage.queued().values())
    in_flight = sorted((topic, each) for topic, each in in_flight_by_topic(stage).items() if each.records)
    parts = [f"{each.records} of {topic} for {each.seconds:.1f} s" for topic, each in in_flight]
    yield (
        f"{counted(len(stage.assigned), 'partition')} of {stage.spec.name} ("
        f"{counted(queued, 'queued record stays', 'queued records stay')} for the next owner; "
        f"{'unacknowledged: ' + ', '.join(parts) if parts else 'nothing unacknowledged'})"
    )
