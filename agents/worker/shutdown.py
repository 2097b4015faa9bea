"""What a worker that was told to stop still waits for."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Final

from streams.engine.in_flight import in_flight_by_topic
from streams.engine.stage import Stage

log = logging.getLogger(__name__)

SAY_SECONDS: Final = 2.0


async def log_shutdown(stop: asyncio.Event, stages: Sequence[Stage]) -> None:
    """Once `stop` is set, says at once and every two seconds what is not finished; until it is cancelled."""
    await stop.wait()
    log.info("stops: %s", _open(stages))
    while True:
        await asyncio.sleep(SAY_SECONDS)
        log.info("stop waits for %s", _open(stages))


def _open(stages: Sequence[Stage]) -> str:
    return "; ".join(part for stage in stages for part in _open_of(stage)) or "the groups to be left"


def _open_of(stage: Stage) -> Iterator[str]:
    if not stage.assigned:
        return
    queued = sum(stage.queued().values())
    found = sorted((topic, each) for topic, each in in_flight_by_topic(stage).items() if each.records)
    told = [f"{each.records} of {topic} since {each.seconds:.1f} s" for topic, each in found]
    yield (
        f"{len(stage.assigned)} partitions of {stage.spec.name} ({queued} records not begun are left; "
        f"{'to be acknowledged: ' + ', '.join(told) if told else 'nothing to be acknowledged'})"
    )
