"""A compacted partition as Redis shows it: the last record of each key, and the offset up to which it is shown.

That offset stands in Redis itself and moves in the same transaction as what is written, so that a write never replaces
a newer one, whoever else writes, not even after an erasure.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from aiokafka import ConsumerRecord
from redis.asyncio import Redis
from redis.exceptions import WatchError

from streams.kafka.reader import read_range


class RedisEmptied(Exception):
    """Redis was shown less of this partition than we know: it was flushed, replaced or set back to an older copy."""


class RedisProjector(ABC):
    """Writes one compacted partition to Redis.

    Attributes:
        at_once: keys in one transaction: Redis serves nobody else while it lasts.
        shown: the offset up to which the partition is shown, as this writer knows it.
        written: keys written so far.
    """

    at_once: int

    def __init__(self, redis: Redis, kafka: dict[str, Any], topic: str, partition: int, position_key: str) -> None:
        """Takes where to read and to write, and the key under which Redis has the offset."""
        self.shown = 0
        self.written = 0
        self._redis = redis
        self._kafka = kafka
        self._topic = topic
        self._partition = partition
        self._position_key = position_key

    @abstractmethod
    def _is_shown(self, key: bytes) -> bool:
        """Whether records under this key are for Redis."""

    @abstractmethod
    async def _look(self, pipe: Any, records: Sequence[ConsumerRecord]) -> Callable[[], None]:
        """Looks up what the records are written beside, and gives what puts all commands into the transaction.

        `pipe` watches the offset; of anything else that may change meanwhile, it must be told to.
        """

    async def catch_up(self, end: int | None = None) -> None:
        """Shows what lies between the offset that Redis has and `end`, by default the end of the partition.

        Raises:
            Emptied: Redis was emptied meanwhile.
            redis.exceptions.RedisError, OSError: Redis cannot be reached.
        """
        shown = await self._redis.get(self._position_key)
        self.shown = 0 if shown is None else int(shown)
        if end is None or self.shown < end:
            async for batch in self._read(end):
                await self.show(batch)

    def _read(self, end: int | None) -> AsyncIterator[list[ConsumerRecord]]:
        return read_range(self._kafka, self._topic, self._partition, self.shown or None, end)

    async def show(self, records: Sequence[ConsumerRecord]) -> None:
        """Writes the last record of each key.

        Raises:
            Emptied: Redis no longer has the offset up to which the partition was shown.
            redis.exceptions.RedisError, OSError: Redis cannot be reached.
        """
        last: dict[bytes, ConsumerRecord] = {}
        for record in records:
            if record.offset >= self.shown and self._is_shown(record.key):
                last.pop(record.key, None)
                last[record.key] = record  # in the order of the last offsets, so that a part ends where it says
        newest = list(last.values())
        if not newest and records[-1].offset >= self.shown:
            await self._write([], records[-1].offset + 1)
        for begin in range(0, len(newest), self.at_once):
            part = newest[begin : begin + self.at_once]
            is_last = begin + self.at_once >= len(newest)
            await self._write(part, (records if is_last else part)[-1].offset + 1)
            await asyncio.sleep(0)

    async def _write(self, records: Sequence[ConsumerRecord], shown: int) -> None:
        """One transaction: what is shown and the new offset, or nothing if another worker was faster."""
        while True:
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(self._position_key)
                there = int(await pipe.get(self._position_key) or 0)
                if there < self.shown:
                    self.shown = there
                    raise RedisEmptied
                if there >= shown:
                    self.shown = there
                    return
                put = await self._look(pipe, records)
                pipe.multi()
                put()
                pipe.set(self._position_key, shown)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
            self.shown = shown
            self.written += len(records)
            return
