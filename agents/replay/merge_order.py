"""The order of a replay: partitions of the old journal, merged so that every customer lives through the same.

Where a late event is judged depends on the partition's time when it comes, and under which policy on the rules. So
time and rules are bars across all the partitions that are merged: none goes on past a tick before all have come to it,
and whoever has come to a later one waits there. What stands between two bars keeps its partition's order. Then each
event meets the same time and the same rules as before, and each customer's events their old order.

A tick that only some partitions have is no trouble: the others wait at their next one. Only where a crash let time come
further in some of them than in others just before a policy, no order serves all: the tick goes first, and the policy
counts for everybody from there.
"""

from collections.abc import AsyncIterator, Sequence
from typing import NamedTuple, TypeAlias

from aiokafka import ConsumerRecord

from state.records.events import AnonymousSale, CampaignsApplied, CustomerEvent, PolicyApplied, Tick, decode_record
from state.records.progress import BEFORE_TIME

BarrierRecord: TypeAlias = Tick | PolicyApplied | CampaignsApplied


class Entry(NamedTuple):
    """An event of the old journal, with its place there and its Kafka timestamp."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    event: CustomerEvent | AnonymousSale


class Barrier(NamedTuple):
    """A tick, a policy or campaigns, with its Kafka timestamp."""

    timestamp: int
    record: BarrierRecord


class OldPartition:
    """One partition of the old journal as it is read again.

    What `admit` journaled twice is passed over, by the same fence as in the lane: its second journal would not know.

    Attributes:
        bar: where it waits; None while it may go on.
        ended: whether all of it was read.
        fences: for each source partition the highest offset met.
        read: how many records were read.
    """

    def __init__(self, number: int, batches: AsyncIterator[Sequence[ConsumerRecord]]) -> None:
        """Takes the number and the records from the first one on."""
        self.bar: Barrier | None = None
        self.ended = False
        self.fences: dict[tuple[str, int], int] = {}
        self.read = 0
        self._number = number
        self._batches = batches
        self._batch: Sequence[ConsumerRecord] = ()
        self._at = 0

    async def stretch(self, time: int) -> list[Entry]:
        """The next events, up to the next bar or to the end of what was fetched.

        Args:
            time: to which all have come: ticks up to there are no bars any more.
        """
        if self._at == len(self._batch):
            batch = await anext(self._batches, None)
            if batch is None:
                self.ended = True
                return []
            self._batch, self._at = batch, 0
            self.read += len(batch)
        entries: list[Entry] = []
        fences = self.fences
        while self._at < len(self._batch):
            message = self._batch[self._at]
            self._at += 1
            record = decode_record(message.value)
            if isinstance(record, Tick):
                if record.at > time:
                    self.bar = Barrier(message.timestamp, record)
                    break
                continue
            source = (record.topic, record.partition)
            if record.offset <= fences.get(source, -1):
                continue
            fences[source] = record.offset
            if isinstance(record, PolicyApplied | CampaignsApplied):
                self.bar = Barrier(message.timestamp, record)
                break
            entries.append(Entry(self._number, message.offset, message.timestamp, message.key, record))
        return entries


async def in_order(partitions: Sequence[OldPartition]) -> AsyncIterator[list[Entry] | Barrier]:
    """Yields stretches of events and, between them, the bars: each of them once."""
    time = BEFORE_TIME
    while True:
        for each in partitions:
            while each.bar is None and not each.ended:
                if entries := await each.stretch(time):
                    yield entries
        waiting = [(each, each.bar) for each in partitions if each.bar is not None]
        if not waiting:
            return
        ticks = [bar for _, bar in waiting if isinstance(bar.record, Tick)]
        chosen = min(ticks or [bar for _, bar in waiting], key=lambda bar: _place(bar.record))
        yield chosen
        if ticks:
            time = _place(chosen.record)
        for each, bar in waiting:
            if isinstance(bar.record, Tick) == bool(ticks) and _place(bar.record) == _place(chosen.record):
                each.bar = None


def _place(bar: BarrierRecord) -> int:
    """A tick's moment, or the place in `control` of a policy or of campaigns."""
    return bar.at if isinstance(bar, Tick) else bar.offset
