"""Read topics while programs are measured, and after that."""

import time
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from bench.testbed.broker import PARTITIONS, BenchFailed
from streams.kafka.reader import read_range
from streams.settings.settings import Settings

_POLL_MS = 200


class TopicFollower:
    """Follows a topic from its present end, until its partitions fulfil a condition; an async context manager.

    Args:
        settings: of the cluster.
        topic: must exist.
        key: only records with this key are considered; None: all.
    """

    def __init__(self, settings: Settings, topic: str, *, key: bytes | None = None) -> None:
        self._topic = topic
        self._key = key
        self._last: dict[int, ConsumerRecord] = {}
        self._consumer = AIOKafkaConsumer(
            **settings.kafka_client(), enable_auto_commit=False, auto_offset_reset="earliest"
        )

    async def __aenter__(self) -> Self:
        """Connect, and seek to the end of each partition."""
        await self._consumer.start()
        partitions = [TopicPartition(self._topic, partition) for partition in range(PARTITIONS)]
        self._consumer.assign(partitions)
        await self._consumer.seek_to_end(*partitions)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Disconnect."""
        await self._consumer.stop()

    async def wait_for_all(
        self, reached: Callable[[ConsumerRecord], bool], *, within_s: float, alive: Callable[[], bool]
    ) -> float:
        """Read until `reached` is true for the latest record of every partition.

        Returns:
            The `time.perf_counter` at which the last of these records was read.

        Raises:
            BenchFailed: it took longer than `within_s` seconds, or the program that writes them has ended.
        """
        waiting = list(range(PARTITIONS))
        deadline = time.monotonic() + within_s
        while waiting := [each for each in waiting if each not in self._last or not reached(self._last[each])]:
            self._check(f"partitions {waiting}", within_s, deadline, alive)
            await self._read()
        return time.perf_counter()

    async def wait_for_any(
        self, reached: Callable[[ConsumerRecord], bool], *, within_s: float, alive: Callable[[], bool]
    ) -> float:
        """As `wait_for_all`, but for the latest record of any one partition."""
        deadline = time.monotonic() + within_s
        while not any(map(reached, self._last.values())):
            self._check("all partitions", within_s, deadline, alive)
            await self._read()
        return time.perf_counter()

    async def _read(self) -> None:
        for tp, records in (await self._consumer.getmany(timeout_ms=_POLL_MS)).items():
            if matching := [each for each in records if self._key is None or each.key == self._key]:
                self._last[tp.partition] = matching[-1]

    def _check(self, which: str, within_s: float, deadline: float, alive: Callable[[], bool]) -> None:
        if not alive() or time.monotonic() > deadline:
            message = f"{which} of {self._topic} did not reach the expected record: "
            raise BenchFailed(message + (f"gave up after {within_s:.0f} s" if alive() else "the program has ended"))


async def read_all(settings: Settings, topic: str) -> AsyncIterator[ConsumerRecord]:
    """Yield all records that a topic has now, partition by partition."""
    for partition in range(PARTITIONS):
        async for records in read_range(settings.kafka_client(), topic, partition):
            for record in records:
                yield record
