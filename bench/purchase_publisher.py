"""A till for the measurements that need purchases of a certain kind: it sells, and sees them covered."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self

from aiokafka import ConsumerRecord

from bench.broker import PARTITIONS, SOURCE
from bench.testbed import Testbed
from bench.topic_follower import TopicFollower
from streams.kafka.publisher import Publisher, partition_of
from streams.tables.progress import PROGRESS_KEY, decode_progress

DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SLOWEST: Final = 1000
"""Events a second, below which it is given up to see them covered."""


class PurchasePublisher:
    """Publishes purchases, and knows how far the lanes have to come to have judged them; an async context manager.

    Attributes:
        sold: how many purchases were published.
    """

    def __init__(self, ground: Testbed) -> None:
        """Sell to the ground's source topic, which is empty."""
        self._publisher = Publisher(ground.settings, SOURCE)
        self._following = TopicFollower(ground.settings, ground.topics.progress, key=PROGRESS_KEY)
        self._open = AsyncExitStack()
        self.published_count = 0
        self._ends = dict.fromkeys(range(PARTITIONS), 0)

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._open.enter_async_context(self._following)
        await self._open.enter_async_context(self._publisher)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._open.__aexit__(kind, error, trace)

    async def publish(self, customer_id: str, at_ms: int, roubles: int = 1000) -> None:
        """Publish a purchase; it is sent when its batch is full, or when it is to be covered."""
        key = customer_id.encode()
        self._ends[partition_of(key, PARTITIONS)] += 1
        self.published_count += 1
        await self._publisher.publish(key, purchase_value(customer_id, at_ms, self.published_count, roubles))

    async def publish_to_each_partition(self, at_ms: int) -> None:
        """One purchase each of a first customer in every partition, so that every lane is at work."""
        left = set(range(PARTITIONS))
        number = 0
        while left:
            customer_id = f"first-{number}"
            number += 1
            partition = partition_of(customer_id.encode(), PARTITIONS)
            if partition in left:
                left.remove(partition)
                await self.publish(customer_id, at_ms)

    async def flush(self) -> None:
        """Send what has been published, and wait until the broker has it."""
        await self._publisher.flush()

    async def wait_until_processed(self, alive: Callable[[], bool]) -> None:
        """Wait until all that was published is judged, and all that came of it acknowledged.

        Raises:
            BenchFailed: it takes too long, or a worker has ended.
        """

        def reached(record: ConsumerRecord) -> bool:
            covered = decode_progress(record.value).sources.get(("purchases", record.partition), -1)
            return covered >= self._ends[record.partition] - 1

        await self.flush()
        within_s = 120 + self.published_count / _SLOWEST
        await self._following.wait_for_all(reached, within_s=within_s, alive=alive)


def purchase_value(customer_id: str, at_ms: int, number: int, roubles: int = 1000) -> bytes:
    """A purchase's value; `number` makes its ids."""
    moment = (_EPOCH + at_ms * _MILLISECOND).isoformat(timespec="milliseconds")
    return (
        f'{{"event_id":"e-{number}","customer_id":"{customer_id}","order_id":"o-{number}","occurred_at":"{moment}",'
        f'"amount":"{roubles}.00","currency":"RUB","discount":"0.00","channel":"pos","store_id":"msk-001"}}'
    ).encode()
