"""A producer whose records arrive soon or not at all.

The producer of the server repeats a batch for as long as Kafka is away, so an event may arrive long after its request
was answered. An announced event must not, because another server publishes it after some time. So a caller that stops
waiting for a record abandons the producer, with everything that it has not sent; the next record gets a new one.
"""

import asyncio

from streams.kafka.writing.stage_producer import StageProducer
from streams.settings.settings import Settings


class AbandonableProducer:
    """Sends single records."""

    def __init__(self, settings: Settings) -> None:
        """Connect with the first record."""
        self._settings = settings
        self._producer: StageProducer | None = None
        self._starting = asyncio.Lock()
        self._closing = set[asyncio.Task[None]]()

    async def count_partitions(self, topic: str) -> int:
        """Return how many partitions a topic has.

        Raises:
            aiokafka.errors.KafkaError: Kafka cannot be reached.
        """
        return len(await (await self._started()).partitions_for(topic))

    async def send(self, topic: str, partition: int, key: bytes | None, value: bytes, at_ms: int | None = None) -> int:
        """Send a record, and return its offset once all in-sync replicas have it; -1 if the broker does not tell.

        Raises:
            aiokafka.errors.KafkaError: it is not known to be published; neither is it if this is cancelled. It is sent
                no more, but what was sent may be published.
        """
        producer = await self._started()
        try:
            batch = producer.create_batch()
            batch.append(timestamp=at_ms, key=key, value=value)
            delivered = producer.enqueue(batch, topic, partition)
            if delivered is None:
                delivered = await producer.send_batch(batch, topic, partition=partition)
            offset: int = (await delivered).offset
        except BaseException:
            if self._producer is producer:
                self._producer = None
            self._abandon(producer)
            raise
        return offset

    async def close(self) -> None:
        """Close the connections."""
        if self._producer is not None:
            self._abandon(self._producer)
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _started(self) -> StageProducer:
        async with self._starting:
            if self._producer is None:
                producer = StageProducer(**self._settings.kafka_client())
                try:
                    await producer.start()
                except BaseException:
                    self._abandon(producer)
                    raise
                self._producer = producer
            return self._producer

    def _abandon(self, producer: StageProducer) -> None:
        task = asyncio.create_task(producer.abandon(), name="abandon producer")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
