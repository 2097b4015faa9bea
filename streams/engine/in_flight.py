"""Count what a stage has sent and Kafka has not acknowledged yet, by topic."""

from typing import Any, Final, NamedTuple

from faust.exceptions import NotReady

from streams.engine.stage import Stage


class InFlight(NamedTuple):
    """The number of unacknowledged records, and the age of the oldest in seconds."""

    records: int
    seconds: float


NOTHING: Final = InFlight(0, 0.0)


def in_flight_by_topic(stage: Stage) -> dict[str, InFlight]:
    """Return what a stage has in flight, for each topic that it has ever written to.

    aiokafka has no public counter. A producer's accumulator has the batches that wait for a request in `_batches`, and
    those in a request in `_pending_batches`; an idempotent producer has a sequence number for every partition that it
    has written to.
    """
    now_s, found = stage.clock.monotonic(), dict[str, InFlight]()
    try:
        producer: Any = stage.producer
    except (AssertionError, NotReady):  # the stage has not started yet
        return found
    accumulator = producer._message_accumulator  # noqa: SLF001
    waiting = [batch for batches in accumulator._batches.values() for batch in batches]  # noqa: SLF001
    for partition in producer._txn_manager._sequence_numbers:  # noqa: SLF001
        found.setdefault(partition.topic, NOTHING)
    for batch in (*waiting, *accumulator._pending_batches):  # noqa: SLF001
        so_far = found.get(batch.tp.topic, NOTHING)
        oldest_s = max(so_far.seconds, now_s - batch._ctime)  # noqa: SLF001
        found[batch.tp.topic] = InFlight(so_far.records + batch.record_count, oldest_s)
    return found
