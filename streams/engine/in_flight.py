"""What a stage has written and Kafka has not acknowledged yet, by topic."""

import contextlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from faust.exceptions import NotReady

from streams.engine.stage import Stage


class InFlight(NamedTuple):
    """Records that wait for their acknowledgement, and how long the oldest of them has waited, in seconds."""

    records: int
    seconds: float


NOTHING: Final = InFlight(0, 0.0)


def in_flight_by_topic(stage: Stage) -> dict[str, InFlight]:
    """What a stage and its lanes have on their way now, by each topic that they have ever written to.

    aiokafka has no public count: batches that wait for a request lie in `_batches`, those in a request in
    `_pending_batches` of a producer's accumulator. An idempotent one has a sequence number for every partition that it
    has ever written to.
    """
    now, found = stage.clock.monotonic(), dict[str, InFlight]()
    for producer in _producers(stage):
        accumulator = producer._message_accumulator  # noqa: SLF001
        waiting = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001
        for partition in producer._txn_manager._sequence_numbers:  # noqa: SLF001
            found.setdefault(partition.topic, NOTHING)
        for batch in (*waiting, *accumulator._pending_batches):  # noqa: SLF001
            before = found.get(batch.tp.topic, NOTHING)
            oldest = max(before.seconds, now - batch._ctime)  # noqa: SLF001
            found[batch.tp.topic] = InFlight(before.records + batch.record_count, oldest)
    return found


def _producers(stage: Stage) -> Iterator[Any]:
    """The stage's own producer, and those of the lanes that have one."""
    with contextlib.suppress(AssertionError, NotReady):  # the stage has not started yet
        yield stage.producer
    for lane in stage.lanes().values():
        if lane.producer is not None:
            yield lane.producer
