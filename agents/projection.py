"""Customers as Redis shows them: rows, sorted sets, and how far each changelog partition has been shown.

All records of a customer lie in one changelog partition. The offset up to which the partition is shown stands in Redis
itself and moves in the same transaction as what is written, so that a write never replaces a newer one, whoever else
writes, not even after an erasure.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, Final

from aiokafka import ConsumerRecord
from redis.asyncio import Redis
from redis.exceptions import WatchError

from state.policy import Policy
from state.profile import Profile, decode_profile
from streams.customers_table import is_chunk
from streams.reading import read_range
from streams.redis_rows import customer_row

CHUNK: Final = 500
"""Customers in one transaction: Redis serves nobody else while it lasts."""


class Emptied(Exception):
    """Redis was shown less of this partition than we know: it was flushed, replaced or set back to an older copy."""


class Projection:
    """Writes one changelog partition to Redis.

    Attributes:
        shown: the offset up to which the partition is shown, as this writer knows it.
        written: customers written so far.
    """

    def __init__(
        self,
        redis: Redis,
        kafka: dict[str, Any],
        prefix: str,
        topic: str,
        partition: int,
        policy: Callable[[], Policy],
    ) -> None:
        """Takes where to read and to write; the policy is asked for its currency, which never changes."""
        self.shown = 0
        self.written = 0
        self._redis = redis
        self._kafka = kafka
        self._prefix = prefix
        self._topic = topic
        self._partition = partition
        self._policy = policy
        self._position_key = f"{prefix}:project:{partition}"

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
        """Writes the last record of each customer.

        Raises:
            Emptied: Redis no longer has the offset up to which the partition was shown.
            redis.exceptions.RedisError, OSError: Redis cannot be reached.
        """
        last: dict[bytes, ConsumerRecord] = {}
        for record in records:
            if record.offset >= self.shown and not is_chunk(record.key):
                last.pop(record.key, None)
                last[record.key] = record  # in the order of the last offsets, so that a chunk ends where it says
        newest = list(last.values())
        if not newest and records[-1].offset >= self.shown:
            await self._write([], records[-1].offset + 1)
        for begin in range(0, len(newest), CHUNK):
            chunk = newest[begin : begin + CHUNK]
            is_last = begin + CHUNK >= len(newest)
            await self._write(chunk, (records if is_last else chunk)[-1].offset + 1)
            await asyncio.sleep(0)

    async def _write(self, records: Sequence[ConsumerRecord], shown: int) -> None:
        """One transaction: the rows, the sorted sets and the new offset, or nothing if another worker was faster."""
        policy = self._policy()
        rows = [(record.key.decode(), decode_profile(record.value) if record.value else None) for record in records]
        while True:
            async with self._redis.pipeline(transaction=True) as pipe:
                await pipe.watch(self._position_key)
                before = await pipe.get(self._position_key)
                there = int(before or 0)
                if there < self.shown:
                    self.shown = there
                    raise Emptied
                if there >= shown:
                    self.shown = there
                    return
                segments = await self._segments([customer_id for customer_id, _ in rows])
                pipe.multi()
                for (customer_id, profile), was in zip(rows, segments, strict=True):
                    _show_customer(pipe, self._prefix, customer_id, profile, was, policy)
                pipe.set(self._position_key, shown)
                try:
                    await pipe.execute()
                except WatchError:
                    continue
            self.shown = shown
            self.written += len(rows)
            return

    async def _segments(self, customer_ids: Sequence[str]) -> list[str | None]:
        """In which segments Redis has the customers now."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for customer_id in customer_ids:
                pipe.hget(f"{self._prefix}:customer:{customer_id}", "segment")
            return list(await pipe.execute())


def _show_customer(
    pipe: Any, prefix: str, customer_id: str, profile: Profile | None, was: str | None, policy: Policy
) -> None:
    key = f"{prefix}:customer:{customer_id}"
    if was and (profile is None or was != profile.segment):
        pipe.zrem(f"{prefix}:segment:{was}", customer_id)
    if profile is None:
        pipe.delete(key)
        return
    pipe.hset(key, mapping=customer_row(profile, policy.currency, policy.digits))
    pipe.zadd(f"{prefix}:segment:{profile.segment}", {customer_id: profile.monetary})
