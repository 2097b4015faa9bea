"""The projection of one compacted partition to Redis: the last record of each key, and the offset that Redis reflects.

Redis itself holds that offset, and it moves in the same transaction as the keys. So a write never replaces a newer one,
whichever worker wrote it, not even after an erasure.
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
    """Redis reflects less of this partition than before: it was flushed, replaced or restored from an older copy."""


class RedisProjector(ABC):
    """Writes one compacted partition to Redis.

    Attributes:
        max_keys: keys per transaction, during which Redis serves nobody else.
        position: the offset below which Redis reflects the partition, as far as this writer knows.
        written_count: keys written so far.
    """

    max_keys: int

    def __init__(self, redis: Redis, kafka: dict[str, Any], topic: str, partition: int, position_key: str) -> None:
        """Take the target and the source; `position_key` is the Redis key of the offset."""
        self.position = 0
        self.written_count = 0
        self._redis = redis
        self._kafka = kafka
        self._topic = topic
        self._partition = partition
        self._position_key = position_key

    @abstractmethod
    def _is_projected(self, key: bytes) -> bool:
        """Return whether records with this key are for Redis."""

    @abstractmethod
    async def _prepare(self, pipe: Any, records: Sequence[ConsumerRecord]) -> Callable[[], None]:
        """Read what the commands for these records depend on, and return the function that queues them in `pipe`.

        `pipe` watches the offset; whatever else may change in the meantime must be added to what it watches.
        """

    async def catch_up(self, end: int | None = None) -> None:
        """Write the records from the offset that Redis reflects to `end`, by default the end of the partition.

        Raises:
            RedisEmptied: Redis was emptied in the meantime.
            redis.exceptions.RedisError, OSError: Redis cannot be reached.
        """
        position = await self._redis.get(self._position_key)
        self.position = 0 if position is None else int(position)
        if end is None or self.position < end:
            async for batch in self._read(end):
                await self.write(batch)

    def _read(self, end: int | None) -> AsyncIterator[list[ConsumerRecord]]:
        return read_range(self._kafka, self._topic, self._partition, self.position or None, end)

    async def write(self, records: Sequence[ConsumerRecord]) -> None:
        """Write the last record of each key.

        Raises:
            RedisEmptied: Redis no longer reflects what it did.
            redis.exceptions.RedisError, OSError: Redis cannot be reached.
        """
        last: dict[bytes, ConsumerRecord] = {}
        for record in records:
            if record.offset >= self.position and self._is_projected(record.key):
                last.pop(record.key, None)
                last[record.key] = record  # ordered by last offset, so that each part ends at an offset of its own
        newest = list(last.values())
        if not newest and records[-1].offset >= self.position:
            await self._write([], records[-1].offset + 1)
        for begin in range(0, len(newest), self.max_keys):
            part = newest[begin : begin + self.max_keys]
            is_last = begin + self.max_keys >= len(newest)
            await self._write(part, (records if is_last else part)[-1].offset + 1)
            await asyncio.sleep(0)

    async def _write(self, records: Sequence[ConsumerRecord], position: int) -> None:
        """Write keys and offset in one transaction, or nothing if another worker was faster."""
        while True:
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(self._position_key)
                current = int(await pipe.get(self._position_key) or 0)
                if current < self.position:
                    self.position = current
                    raise RedisEmptied
                if current >= position:
                    self.position = current
                    return
                queue_commands = await self._prepare(pipe, records)
                pipe.multi()
                queue_commands()
                pipe.set(self._position_key, position)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
            self.position = position
            self.written_count += len(records)
            return
