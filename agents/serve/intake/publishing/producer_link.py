"""The producer of the server: one for the process, started as soon as Kafka can be reached, and replaced if it fails.

An idempotent producer repeats a batch until it is acknowledged, for as long as Kafka is away. If the broker refuses a
batch for good, that leaves a gap in the sequence of its partition, which would block all that follows: only another
producer can write there again.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection
from typing import Final

from aiokafka.errors import KafkaError

from streams.clock import Clock
from streams.errors import describe_error
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.needed_rights import describe_missing, find_missing_rights, serving
from streams.kafka.writing.stage_producer import StageProducer
from streams.retries import Backoff
from streams.settings.settings import Settings
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 2.0
CONNECTS_WITHIN_S: Final = 20.0
CLOSES_WITHIN_S: Final = 3.0
"""How long a producer may take to send what it still has when it is replaced, or when the server ends."""


class ProducerLink:
    """The current producer, if there is one.

    Attributes:
        producer: None until Kafka has been reached, and while it is replaced.
        has_connected: whether there has been a producer, so that the topics are known.
        problem: why there has been no producer, for people.
    """

    def __init__(self, settings: Settings, topics: Collection[str], clock: Clock) -> None:
        """Take the full names of the topics to which it writes; they must exist before there is a producer."""
        self.producer: StageProducer | None = None
        self.has_connected = False
        self.problem = "Kafka has not been reached yet"
        self._settings = settings
        self._topics = topics
        self._clock = clock
        self._throttle = LogThrottle(clock)
        self._counts: dict[str, int] = {}
        self._failed = asyncio.Event()
        self._started = asyncio.Event()
        self._closing: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep a producer started, and close it in the end."""
        task = asyncio.create_task(self._run(), name="producer link")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self.producer is not None:
                self._close(self.producer)
            if self._closing:
                await asyncio.wait(self._closing)

    def count_partitions(self, topic: str) -> int:
        """Return how many partitions a topic has now; Kafka must have been reached."""
        found = self.producer and self.producer.client.cluster.partitions_for_topic(topic)
        if found:  # else the producer is being replaced, or the brokers have just restarted
            self._counts[topic] = len(found)
        return self._counts[topic]

    async def wait_for_producer(self) -> StageProducer:
        """Return the current producer once there is one."""
        while self.producer is None:
            await self._started.wait()
        return self.producer

    def replace(self, producer: StageProducer) -> None:
        """Replace a producer that has failed."""
        if self.producer is producer:
            self.producer = None
            self._started.clear()
            self._close(producer)
            self._failed.set()

    async def _run(self) -> None:
        while True:
            self.producer = await self._start_producer()
            self.has_connected = True
            self._started.set()
            await self._failed.wait()
            self._failed.clear()

    async def _start_producer(self) -> StageProducer:
        backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while True:
            try:
                async with asyncio.timeout(CONNECTS_WITHIN_S):
                    producer = await self._attempt()
            except (KafkaError, OSError) as error:  # a timeout is an OSError
                self._note(f"Kafka at {self._settings.kafka} cannot be reached: {describe_error(error)}")
            else:
                if producer is not None:
                    return producer
            await self._clock.sleep(backoff.next_pause())

    async def _attempt(self) -> StageProducer | None:
        refused = await find_missing_rights(self._settings, serving(self._settings))
        if refused:
            self._note(describe_missing(refused))
            return None
        existing = await partitions_by_topic(self._settings)
        missing = [topic for topic in self._topics if topic not in existing]
        if missing:
            self._note(f"the topic {missing[0]} does not exist; start a worker, or run `goldstream topics create`")
            return None
        producer = StageProducer(**self._settings.kafka_client())
        try:
            await producer.start()
            for topic in self._topics:
                self._counts[topic] = len(await producer.partitions_for(topic))
        except BaseException:
            self._close(producer)
            raise
        return producer

    def _note(self, problem: str) -> None:
        self.problem = problem
        if self._throttle.should_log(problem):
            log.warning("nothing can be published: %s", problem)

    def _close(self, producer: StageProducer) -> None:
        task = asyncio.create_task(_stop(producer), name="close producer")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _stop(producer: StageProducer) -> None:
    """Send what the producer has, for a limited time: without a broker it would wait for ever."""
    task = asyncio.ensure_future(producer.stop())
    done, _ = await asyncio.wait({task}, timeout=CLOSES_WITHIN_S)
    if not done:
        await producer.client.close()
        task.cancel()
        await asyncio.wait({task}, timeout=CLOSES_WITHIN_S)
    elif (error := task.exception()) is not None:
        log.warning("a producer ended with %s", describe_error(error))
