"""Report how far the lanes are, while they are behind: `agents.admit.journal_backlog` says what for."""

import asyncio
from typing import Final

from streams.clock import Clock
from streams.engine.stage import Stage
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import BatchWriter
from streams.wire.watermarks import FOLDED, SourceWatermark, encode_watermark

BEHIND_RECORDS: Final = 500
"""A lane with more records to fold is behind."""
REPORT_SECONDS: Final = 0.1
"""The time between two reports, and between two checks whether a lane is behind."""
ANSWER_SECONDS: Final = 20.0


class BacklogReporter:
    """Writes the cursors of the segment stage's lanes to `source-times` while any of them is behind."""

    def __init__(self, topics: Topics, stage: Stage, clock: Clock) -> None:
        self._topics = topics
        self._stage = stage
        self._clock = clock
        self._waiter = stage.waits.waiter()
        self._reported: dict[int, int] = {}

    async def run(self) -> None:
        """Report until cancelled.

        Raises:
            aiokafka.errors.KafkaError: a report was not delivered.
            TimeoutError: it was not acknowledged, perhaps since the stage has restarted with another producer.
        """
        while True:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self.report()
            await self._clock.sleep(REPORT_SECONDS)

    async def report(self) -> bool:
        """Report the cursors that have moved, if a lane is behind or was at the last report; return whether one is."""
        lags = self._stage.lags()
        is_behind = any(lag > BEHIND_RECORDS for lag in lags.values())
        if not is_behind and not self._reported:
            return False
        cursors = {tp.partition: lane.cursor for tp, lane in self._stage.lanes().items() if lane.cursor >= 0}
        new = {number: cursor for number, cursor in cursors.items() if cursor != self._reported.get(number)}
        if new:
            writer = BatchWriter(self._stage.producer, self._waiter)
            for number, cursor in new.items():
                key = f"{FOLDED}:{number}".encode()
                writer.add(self._topics.source_times, 0, key, encode_watermark(SourceWatermark(cursor)))
            await writer.flush()
        self._reported = cursors if is_behind else {}
        return is_behind
