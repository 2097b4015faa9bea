"""Publish single purchases, and wait until Goldstream has processed them."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

from aiokafka import ConsumerRecord

from bench.testbed.broker import PARTITIONS, SOURCE
from bench.testbed.testbed import Testbed
from bench.testbed.topic_follower import TopicFollower
from streams.kafka.writing.publisher import Publisher, partition_of
from streams.tables.progress import PROGRESS_KEY, decode_progress

DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MIN_RATE: Final = 1000
"""Events per second below which waiting is given up."""


class PurchasePublisher:
    """Publishes purchases to the empty source topic, and knows which progress covers them; an async context manager.

    Attributes:
        published_count: number of purchases so far.
    """

    def __init__(self, testbed: Testbed) -> None:
        self._publisher = Publisher(testbed.settings, SOURCE)
        self._follower = TopicFollower(testbed.settings, testbed.topics.progress, key=PROGRESS_KEY)
        self._open = AsyncExitStack()
        self.published_count = 0
        self._ends = dict.fromkeys(range(PARTITIONS), 0)

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._open.enter_async_context(self._follower)
        await self._open.enter_async_context(self._publisher)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._open.__aexit__(kind, error, trace)

    async def publish(self, customer_id: str, at_ms: int, roubles: int = 1000, *, backfill: bool = False) -> None:
        """Publish a purchase, of history if `backfill`; it is sent when its batch is full, or on `flush`."""
        key = customer_id.encode()
        self._ends[partition_of(key, PARTITIONS)] += 1
        self.published_count += 1
        value = purchase_value(customer_id, at_ms, self.published_count, roubles, backfill=backfill)
        await self._publisher.publish(key, value)

    async def publish_to_each_partition(self, at_ms: int) -> None:
        """Publish one purchase to every partition, so that every lane has work."""
        remaining = set(range(PARTITIONS))
        number = 0
        while remaining:
            customer_id = f"first-{number}"
            number += 1
            partition = partition_of(customer_id.encode(), PARTITIONS)
            if partition in remaining:
                remaining.remove(partition)
                await self.publish(customer_id, at_ms)

    async def flush(self) -> None:
        """Wait until the broker has everything that was published."""
        await self._publisher.flush()

    async def wait_until_processed(self, alive: Callable[[], bool]) -> None:
        """Wait until everything published is processed, and all outputs are acknowledged.

        Raises:
            BenchFailed: it took too long, or a worker has ended.
        """

        def reached(record: ConsumerRecord) -> bool:
            covered = decode_progress(record.value).sources.get(("purchases", record.partition), -1)
            return covered >= self._ends[record.partition] - 1

        await self.flush()
        within_s = 120 + self.published_count / _MIN_RATE
        await self._follower.wait_for_all(reached, within_s=within_s, alive=alive)


def purchase_value(customer_id: str, at_ms: int, number: int, roubles: int = 1000, *, backfill: bool = False) -> bytes:
    """Return the value of a purchase; its ids contain `number`."""
    moment = (_EPOCH + at_ms * _MILLISECOND).isoformat(timespec="milliseconds")
    flag = '"backfill":true,' if backfill else ""
    return (
        f'{{{flag}"event_id":"e-{number}","customer_id":"{customer_id}","order_id":"o-{number}","occurred_at":"{moment}",'
        f'"amount":"{roubles}.00","currency":"RUB","discount":"0.00","channel":"pos","store_id":"msk-001"}}'
    ).encode()
