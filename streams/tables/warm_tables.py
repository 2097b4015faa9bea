"""Tables of partitions that no lane of this process works on, kept so that the next lane need not read them again.

A table is reusable if it equals the changelog up to a known offset: recovery then reads only what follows. Two kinds
are: the table of a lane that closed with everything written (in a rebalance, or because another lane failed), and one
that a standby has read.

Kafka keeps a tombstone for `delete.retention.ms` (a day by default) before compaction may remove it. A table that was
not at the end of the changelog for longer could miss one and keep a customer who was erased. So a table that was last
known to be at the end six hours ago is not used. That time includes the machine's sleep.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from streams.clock import Clock
from streams.kafka.broker import Broker
from streams.kafka.reader import OffsetTruncated
from streams.tables.customers_table import CustomersTable

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 6 * 3600.0
GRACE_SECONDS: Final = 60.0
"""How long a closed lane's table is kept without a standby: a rebalance is over by then."""


@dataclass(slots=True, eq=False)
class WarmTable:
    """A table that equals the changelog up to an offset.

    Attributes:
        as_of: when it was last known to be at the end of the changelog, or else when its reading started; in seconds of
            `Clock.boot_seconds`.
        position: the offset to read on from; None for the beginning.
    """

    as_of: float
    table: CustomersTable = field(default_factory=CustomersTable)
    position: int | None = None


class WarmTables:
    """The tables that no lane of this process works on."""

    def __init__(self, clock: Clock, *, standby: bool = False) -> None:
        """With a standby, which reads on, tables are kept for as long as they are fresh; else for a minute."""
        self._clock = clock
        self._tables: dict[int, WarmTable] = {}
        self._standby = standby

    def is_fresh(self, warm: WarmTable) -> bool:
        """Return whether the table cannot have missed a tombstone."""
        return self._clock.boot_seconds() - warm.as_of < FRESH_SECONDS

    def take(self, partition: int) -> WarmTable | None:
        """Hand over the partition's table to the caller; None if there is no fresh one."""
        warm = self._tables.pop(partition, None)
        return warm if warm is not None and self.is_fresh(warm) else None

    def give_back(self, partition: int, warm: WarmTable) -> None:
        """Keep the table of a lane that has closed, unless it has changes that were not written."""
        if not warm.table.is_flushed:
            return
        kept = self._tables[partition] = replace(warm)  # a new object: the standby may have read on with the old one
        if not self._standby:
            asyncio.get_running_loop().call_later(GRACE_SECONDS, self.drop, partition, kept)

    def drop(self, partition: int, warm: WarmTable) -> None:
        """Forget a table, if it is still the partition's."""
        if self._tables.get(partition) is warm:
            del self._tables[partition]

    def all(self) -> Mapping[int, WarmTable]:
        """Return the tables by partition, for the standby that reads on."""
        return self._tables

    def start(self, partition: int) -> WarmTable:
        """Return a new empty table of the partition, for the standby to fill."""
        warm = self._tables[partition] = WarmTable(self._clock.boot_seconds())
        return warm


async def recover_table(
    broker: Broker,
    topic: str,
    partition: int,
    warm: WarmTable | None,
    clock: Clock,
    on_remaining: Callable[[int], None],
    on_read: Callable[[int], None],
) -> WarmTable:
    """Read the changelog to its end, from the position of a warm table if there is one.

    Args:
        broker: where the changelog is.
        topic: of the changelog.
        partition: its number.
        warm: the table to read on with.
        clock: for `WarmTable.as_of`.
        on_remaining: called with the number of offsets still to read.
        on_read: called with the number of records read.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote a record that this one cannot read.
        MissingChunk: a part of a long history is not in the changelog.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    as_of = clock.boot_seconds()
    if warm is not None and warm.position is not None:
        try:
            await _read_on(broker, topic, partition, warm, on_remaining, on_read)
        except OffsetTruncated as error:
            log.warning("the warm table of partition %d cannot be used (%s): reading all of it", partition, error)
        else:
            warm.as_of = as_of
            return warm
    cold = WarmTable(as_of)
    await _read_on(broker, topic, partition, cold, on_remaining, on_read)
    return cold


async def _read_on(
    broker: Broker,
    topic: str,
    partition: int,
    warm: WarmTable,
    on_remaining: Callable[[int], None],
    on_read: Callable[[int], None],
) -> None:
    count, restore = 0, warm.table.restore
    on_remaining(0)
    on_read(0)
    async for batch in broker.read(topic, partition, warm.position, on_remaining=on_remaining):
        for record in batch:
            restore(record.key, record.value)
        warm.position = batch[-1].offset + 1
        count += len(batch)
        on_read(count)
    warm.table.finish_restore()
