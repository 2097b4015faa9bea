"""The totals of the days of a partition, told: each day that is other than it was, not too often."""

import time
from typing import Final

from aiokafka import AIOKafkaProducer

from state.daily.daily_summary import is_published, unpublished_days
from state.daily.day_store import DayStore
from state.fold.partition import Partition
from state.units.local_days import format_day
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.topics import Topics

PAUSE_SECONDS: Final = 5.0
"""A day that changes is told no more often."""


class DailyPublisher:
    """Tells the days of one partition, from what is written of them."""

    def __init__(self, topics: Topics, number: int, partition: Partition, days: DayStore) -> None:
        """Takes where they go, and what is told."""
        self._topics = topics
        self._number = number
        self._partition = partition
        self._days = days
        self._told_at = time.monotonic() - PAUSE_SECONDS

    def wait(self) -> float | None:
        """How long there is to wait until days are told, 0 if they are to be now; None if there is nothing to tell."""
        if self._partition.rules is None or is_published(self._days, self._partition.today):
            return None
        return max(0.0, self._told_at + PAUSE_SECONDS - time.monotonic())

    async def tell(self, producer: AIOKafkaProducer) -> int | None:
        """Tells what there is to tell; everything that was folded must be written, and nothing be half done.

        The note that it is told comes last: until then a recovery tells it again.

        Returns:
            The offset behind that note in the changelog; None if nothing was told, or it is not known.
        """
        partition, days, number = self._partition, self._days, self._number
        if self.wait() is None or partition.rules is None:
            return None
        outbox, to_day = BatchWriter(producer), partition.today
        last = to_day
        for day, value in unpublished_days(days, to_day, partition.rules.policy):
            outbox.add(self._topics.daily, number, f"{format_day(day)}:{number}".encode(), value)
            last = max(last, day)
        await outbox.flush()
        outbox.add(self._topics.customers, number, *days.mark_published(partition.progress.offset, last))
        await outbox.flush()
        self._told_at = time.monotonic()
        return outbox.ends.get((self._topics.customers, number))
