"""Merge partitions of the old journal so that every customer's history has the same result as before.

When a late event is evaluated depends on the partition's watermark at that moment, and by which rules on the policies
and campaigns before it. So ticks, policies and campaigns are barriers across all partitions that are merged: no
partition goes on past a tick before all of them have reached it, and one that has reached a later tick waits there.
Between two barriers each partition keeps its order. So each event meets the same watermark and the same rules as
before, and each customer's events keep their order.

A tick that only some partitions have does no harm: the others wait at their next one. In one case no order serves all
partitions: a crash let the watermark advance further in some than in others, just before a policy. Then the tick comes
first, and the policy takes effect from there for every customer.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, TypeAlias

from aiokafka import ConsumerRecord

from state.records.events import AnonymousSale, CampaignsApplied, CustomerEvent, PolicyApplied, Tick, decode_record
from state.records.progress import NO_WATERMARK

BarrierRecord: TypeAlias = Tick | PolicyApplied | CampaignsApplied


class Entry(NamedTuple):
    """An event of the old journal, with its position there and its Kafka timestamp in milliseconds."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    event: CustomerEvent | AnonymousSale


class Barrier(NamedTuple):
    """A tick, a policy or campaigns, with its Kafka timestamp in milliseconds."""

    timestamp: int
    record: BarrierRecord


class OldPartition:
    """One partition of the old journal, read from its start.

    Events that `admit` journaled twice are skipped, by their source offsets as in the lane. In the new journal their
    source is the old journal, where both copies have an offset of their own.

    Attributes:
        barrier: where the partition waits; None while it may go on.
        is_finished: whether all of it is read.
        source_offsets: the highest offset read of each source partition.
        read_count: the number of records read.
    """

    def __init__(self, number: int, batches: AsyncIterator[Sequence[ConsumerRecord]]) -> None:
        self.barrier: Barrier | None = None
        self.is_finished = False
        self.source_offsets: dict[tuple[str, int], int] = {}
        self.read_count = 0
        self._number = number
        self._batches = batches
        self._batch: Sequence[ConsumerRecord] = ()
        self._index = 0

    async def read_entries(self, watermark_ms: int) -> list[Entry]:
        """Return the next events, up to the next barrier or the end of the batch; sets `barrier` or `is_finished`.

        Args:
            watermark_ms: what all partitions have reached; ticks up to it are not barriers any more.
        """
        if self._index == len(self._batch):
            batch = await anext(self._batches, None)
            if batch is None:
                self.is_finished = True
                return []
            self._batch, self._index = batch, 0
            self.read_count += len(batch)
        entries: list[Entry] = []
        source_offsets = self.source_offsets
        while self._index < len(self._batch):
            message = self._batch[self._index]
            self._index += 1
            record = decode_record(message.value)
            if isinstance(record, Tick):
                if record.at > watermark_ms:
                    self.barrier = Barrier(message.timestamp, record)
                    break
                continue
            source = (record.topic, record.partition)
            if record.offset <= source_offsets.get(source, -1):
                continue
            source_offsets[source] = record.offset
            if isinstance(record, PolicyApplied | CampaignsApplied):
                self.barrier = Barrier(message.timestamp, record)
                break
            entries.append(Entry(self._number, message.offset, message.timestamp, message.key, record))
        return entries


async def merge_partitions(partitions: Sequence[OldPartition]) -> AsyncIterator[list[Entry] | Barrier]:
    """Yield lists of events and, between them, each barrier once."""
    watermark_ms = NO_WATERMARK
    while True:
        for partition in partitions:
            while partition.barrier is None and not partition.is_finished:
                if entries := await partition.read_entries(watermark_ms):
                    yield entries
        waiting = [(partition, partition.barrier) for partition in partitions if partition.barrier is not None]
        if not waiting:
            return
        ticks = [barrier for _, barrier in waiting if isinstance(barrier.record, Tick)]
        first = min(ticks or [barrier for _, barrier in waiting], key=lambda barrier: _position(barrier.record))
        yield first
        if ticks:
            watermark_ms = _position(first.record)
        for partition, barrier in waiting:
            if isinstance(barrier.record, Tick) == bool(ticks) and _position(barrier.record) == _position(first.record):
                partition.barrier = None


def _position(record: BarrierRecord) -> int:
    """Return a tick's time, or the offset in `control` of a policy or campaigns."""
    return record.at if isinstance(record, Tick) else record.offset
