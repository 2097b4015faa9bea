"""What a stage has written and Kafka has not acknowledged yet, by topic."""

import time
from typing import Final, NamedTuple

from faust.exceptions import NotReady

from streams.stage import Stage


class Awaited(NamedTuple):
    """Records that wait for their acknowledgement, and how long the oldest of them has waited, in seconds."""

    records: int
    seconds: float


NOTHING: Final = Awaited(0, 0.0)


def awaited(stage: Stage) -> dict[str, Awaited]:
    """What a stage's producer has on its way now, by each topic that it has ever written to.

    aiokafka has no public count: batches that wait for a request lie in `_batches`, those in a request in
    `_pending_batches` of its accumulator.
    """
    try:
        producer = stage.producer
    except (AssertionError, NotReady):  # the stage has no producer yet
        return {}
    accumulator = producer._message_accumulator  # noqa: SLF001
    waiting = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001
    now = time.monotonic()
    found = dict.fromkeys(producer.client._topics, NOTHING)  # noqa: SLF001
    for batch in (*waiting, *accumulator._pending_batches):  # noqa: SLF001
        before = found.get(batch.tp.topic, NOTHING)
        oldest = max(before.seconds, now - batch._ctime)  # noqa: SLF001
        found[batch.tp.topic] = Awaited(before.records + batch.record_count, oldest)
    return found
