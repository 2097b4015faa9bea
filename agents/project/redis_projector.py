"""Project one partition to Redis: write the last record of each slot, and the offset that Redis reflects.

A slot is a key of a compacted topic, or an offset where every record counts.

Redis itself holds that offset, and it moves in the same transaction as the keys. So a write never replaces a newer one,
whichever worker wrote it, not even after an erasure.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple

from aiokafka import ConsumerRecord
from redis.asyncio import Redis

from agents.project.base_totals import TotalsInconsistent
from agents.project.redis_link import RedisLink, pack
from state.records.events import UnknownFormatVersion
from streams.errors import FatalError
from streams.kafka.reader import read_range

_UNWATCH: Final = pack("UNWATCH")


def _ignore() -> None:
    pass


class RedisEmptied(Exception):
    """Redis reflects less of this partition than before: it was flushed, replaced or restored from an older copy."""


class RedisProjector(ABC):
    """Projects one partition.

    Attributes:
        name: the partition, as `topic:partition`.
        max_keys: records per transaction, during which Redis serves nobody else.
        shares_transactions: whether parts of several partitions may be in one transaction.
        position: the offset below which Redis reflects the partition, as far as this projector knows.
        position_key: the Redis key of that offset.
        written_count: records written so far.
    """

    max_keys: int
    shares_transactions: bool

    def __init__(self, redis: Redis, kafka: dict[str, Any], topic: str, partition: int, position_key: str) -> None:
        """Take the target and the source."""
        self.name = f"{topic}:{partition}"
        self.position = 0
        self.position_key = position_key
        self.written_count = 0
        self._redis = redis
        self._kafka = kafka
        self._topic = topic
        self._partition = partition

    @abstractmethod
    def slot(self, record: ConsumerRecord) -> bytes | int | None:
        """Return the slot of a record, of which only the last one is written; None if the record is not for Redis."""

    @abstractmethod
    async def plan(self, records: Sequence[ConsumerRecord], end: int) -> "Plan":
        """Return how to write these records, of different slots; then Redis reflects all below `end`.

        Raises:
            state.records.events.UnknownFormatVersion: a record has a format version that this program does not know.
        """

    def reset(self, replies: Sequence[Any]) -> list[str]:  # noqa: ARG002 - most projectors have nothing to prepare
        """Return the commands that prepare writing everything again, given the replies to the reads of a plan."""
        return []

    async def catch_up(self, end: int | None = None, on_progress: Callable[[], None] = _ignore) -> None:
        """Write the records from the offset that Redis reflects to `end`, by default the end of the partition.

        `on_progress` is called after each batch.

        Raises:
            RedisEmptied: Redis was emptied in the meantime.
            redis.exceptions.RedisError, OSError: Redis cannot be reached.
        """
        link = RedisLink(self._redis)
        try:
            position = (await link.exchange([pack("GET", self.position_key)]))[0]
            self.position = int(position or 0)
            if end is None or self.position < end:
                async for batch in read_range(self._kafka, self._topic, self._partition, self.position or None, end):
                    await self._write(link, batch)
                    on_progress()
                if end is not None and self.position < end:  # there are no records below `end` any more
                    await write_parts(link, [Part(self, [], end)])
        finally:
            await link.close()

    async def write(self, records: Sequence[ConsumerRecord]) -> None:
        """Write the last record of each slot.

        Raises:
            RedisEmptied: Redis no longer reflects what it did.
            redis.exceptions.RedisError, OSError: Redis cannot be reached.
        """
        link = RedisLink(self._redis)
        try:
            await self._write(link, records)
        finally:
            await link.close()

    async def _write(self, link: RedisLink, records: Sequence[ConsumerRecord]) -> None:
        latest = LatestRecords(self)
        latest.add(records)
        if latest.end > self.position:
            for part in latest.parts():
                await write_parts(link, [part])
                await asyncio.sleep(0)


class LatestRecords:
    """The last record of each slot of consecutive records that Redis does not reflect yet.

    Attributes:
        projector: writes them.
        end: the offset after the last record.
    """

    def __init__(self, projector: RedisProjector) -> None:
        self.projector = projector
        self.end = 0
        self._latest: dict[bytes | int, ConsumerRecord] = {}

    def __len__(self) -> int:
        """Return the number of slots."""
        return len(self._latest)

    def add(self, records: Sequence[ConsumerRecord]) -> None:
        """Add the records that follow those added before."""
        latest, slot_of = self._latest, self.projector.slot
        for record in records:
            slot = slot_of(record)
            if slot is not None:
                latest.pop(slot, None)
                latest[slot] = record  # ordered by offset, so that each part ends at an offset of its own
        self.end = records[-1].offset + 1

    def parts(self) -> list["Part"]:
        """Return what Redis does not reflect yet, in parts for one transaction each.

        The last part ends at `end`; it may be the only one, and empty.
        """
        position, size, end = self.projector.position, self.projector.max_keys, self.end
        newest = [record for record in self._latest.values() if record.offset >= position]
        parts = []
        for begin in range(0, max(1, len(newest)), size):
            part = newest[begin : begin + size]
            parts.append(Part(self.projector, part, end if begin + size >= len(newest) else part[-1].offset + 1))
        return parts

    def discard_below(self, offset: int) -> None:
        """Remove the records below an offset."""
        latest = self._latest
        for key in [key for key, _ in takewhile(lambda each: each[1].offset < offset, latest.items())]:
            del latest[key]


class Plan(NamedTuple):
    """How a part is written.

    Attributes:
        reads: packed commands that read what the writes depend on.
        writes: returns the packed commands that write, given the replies to `reads`; raises `TotalsInconsistent` if
            these contradict each other, so that everything has to be written again.
        watched: keys that must not change in between, besides the offset, which is always watched.
    """

    reads: Sequence[str]
    writes: Callable[[Sequence[Any]], list[str]]
    watched: Sequence[str] = ()


class Part(NamedTuple):
    """What one transaction writes of a partition: the last record of some slots; then Redis reflects all below `end`.

    `records` may be empty.
    """

    projector: RedisProjector
    records: Sequence[ConsumerRecord]
    end: int


async def write_parts(link: RedisLink, parts: Sequence[Part]) -> None:
    """Write parts of different partitions, and the offset of each, in one transaction.

    A part that another worker was faster to write is left out.

    Raises:
        RedisEmptied: Redis reflects less than before of one of the partitions, whose `position` is corrected.
        FatalError: a record has a format version that this program does not know.
        redis.exceptions.RedisError, OSError: Redis cannot be reached.
    """
    plans = [await _plan(part) for part in parts]
    keys = [part.projector.position_key for part in parts]
    begin = [pack("WATCH", *keys, *(key for plan in plans for key in plan.watched)), pack("MGET", *keys)]
    begin += [read for plan in plans for read in plan.reads]
    while True:
        _, positions, *replies = await link.exchange(begin)
        offsets = [int(position or 0) for position in positions]
        if any(offset < part.projector.position for part, offset in zip(parts, offsets, strict=True)):
            await link.exchange([_UNWATCH])
            for part, offset in zip(parts, offsets, strict=True):
                part.projector.position = offset
            raise RedisEmptied
        writes: list[str] = []
        reached: list[str | int] = []
        place = 0
        for part, offset, plan in zip(parts, offsets, plans, strict=True):
            if offset < part.end:
                answers = replies[place : place + len(plan.reads)]
                try:
                    writes += plan.writes(answers)
                except TotalsInconsistent:
                    position_key = part.projector.position_key
                    await link.execute([pack("DEL", position_key), *part.projector.reset(answers)])
                    part.projector.position = 0
                    raise RedisEmptied from None
                reached += [part.projector.position_key, part.end]
            place += len(plan.reads)
        if not reached:
            await link.exchange([_UNWATCH])
        elif not await link.execute([*writes, pack("MSET", *reached)]):
            continue
        for part, offset in zip(parts, offsets, strict=True):
            part.projector.position = max(offset, part.end)
            part.projector.written_count += len(part.records) if offset < part.end else 0
        return


async def _plan(part: Part) -> Plan:
    try:
        return await part.projector.plan(part.records, part.end)
    except UnknownFormatVersion as error:
        raise FatalError(f"{part.projector.name}: {error}") from error
