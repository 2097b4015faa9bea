"""Write what several lanes add in the same turn of the loop as one batch for each partition.

A produce request has at most one batch for each partition. Lanes that write to the same partitions, each with a batch
of its own, need up to one request for each lane: 2.3 for each fetch of `admit` at 1,000 events/s.
"""

import asyncio
from collections.abc import Mapping

from streams.kafka.writing.batch_writer import BatchWriter, RecordSink
from streams.kafka.writing.stage_producer import StageProducer


class WriteRound:
    """The records of one turn of the loop; `WriteRounds` sends them when the turn is over."""

    def __init__(self, producer: StageProducer) -> None:
        self.producer = producer
        self._writer = BatchWriter(producer)
        self._task: asyncio.Task[None] | None = None
        self._is_written: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def ends(self) -> Mapping[tuple[str, int], int]:
        """For each partition, the offset after the last acknowledged record of the round."""
        return self._writer.ends

    def to(self, topic: str, partition: int) -> RecordSink:
        """Return where records of this partition are added, before anything is awaited."""
        return self._writer.to(topic, partition)

    async def written(self) -> None:
        """Return when every record of the round is acknowledged.

        Raises:
            aiokafka.errors.KafkaError: a record was not delivered. Any of the other records may have been delivered.
        """
        await asyncio.shield(self._is_written)

    def send(self) -> None:
        """Begin to send; nothing may be added any more."""
        self._task = asyncio.create_task(self._writer.flush(), name="write round")
        self._task.add_done_callback(self._report)

    def _report(self, task: "asyncio.Task[None]") -> None:
        if task.cancelled():
            self._is_written.cancel()
        elif (error := task.exception()) is not None:
            self._is_written.set_exception(error)
            self._is_written.exception()  # the lanes raise it, unless they have been closed meanwhile
        else:
            self._is_written.set_result(None)


class WriteRounds:
    """The rounds of a stage's lanes, one after the other."""

    def __init__(self) -> None:
        self._open: WriteRound | None = None

    def current(self, producer: StageProducer) -> WriteRound:
        """Return the round of this turn of the loop, which is sent by this producer when the turn is over."""
        current = self._open
        if current is None or current.producer is not producer:
            current = self._open = WriteRound(producer)
            asyncio.get_running_loop().call_soon(self._end, current)
        return current

    def _end(self, ended: WriteRound) -> None:
        if self._open is ended:
            self._open = None
        ended.send()
