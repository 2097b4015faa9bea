"""Tables of partitions that no lane of this process has at the moment, kept warm until one does.

A table is worth keeping if it is as the changelog says up to some offset: then a recovery has only to read on from
there. Two kinds are: that of a lane that ended with nothing half done, in a rebalance or because another lane failed,
and one that a standby has read for itself.

Kafka keeps a tombstone for `delete.retention.ms` (a day, unless the operator says less) before compaction takes it
away. Who has not been at the end of the changelog for longer could miss one and keep somebody who was erased, so a
table that was last known to be at the end six hours ago is not used. The clock for that goes on while the machine
sleeps.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from streams.kafka.reader import OffsetTruncated, read_range
from streams.tables.customers_table import CustomersTable

log = logging.getLogger(__name__)

FRESH_SECONDS: Final = 6 * 3600.0
GRACE_SECONDS: Final = 60.0
"""How long a lane's table is kept without standby: a rebalance gives the partition back by then, or to another."""

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now_s() -> float:
    """Seconds since the machine was started, its sleep included."""
    return time.clock_gettime(_CLOCK)


@dataclass(slots=True, eq=False)
class WarmTable:
    """A table as the changelog says up to an offset.

    Attributes:
        position: the offset from which to read on; None for the beginning.
        as_of: when it was last known to be at the end, or else when it was begun.
    """

    table: CustomersTable = field(default_factory=CustomersTable)
    position: int | None = None
    as_of: float = field(default_factory=now_s)

    @property
    def fresh(self) -> bool:
        """Whether no tombstone can have gone unseen."""
        return now_s() - self.as_of < FRESH_SECONDS


class WarmTables:
    """The tables of a process that nobody works on."""

    def __init__(self, *, standby: bool = False) -> None:
        """Takes whether a standby reads on what is kept; without one it is kept for a minute."""
        self._tables: dict[int, WarmTable] = {}
        self._standby = standby

    def take(self, partition: int) -> WarmTable | None:
        """The partition's table, which is the caller's from now on; None if there is none that may be used."""
        warm = self._tables.pop(partition, None)
        return warm if warm is not None and warm.fresh else None

    def give_back(self, partition: int, warm: WarmTable) -> None:
        """Keeps a table that nobody works on any more."""
        if not warm.table.is_flushed:
            return
        kept = self._tables[partition] = replace(warm)  # another one to the standby, which may have read on meanwhile
        if not self._standby:
            asyncio.get_running_loop().call_later(GRACE_SECONDS, self.drop, partition, kept)

    def drop(self, partition: int, warm: WarmTable) -> None:
        """Lets a table go if it is still here."""
        if self._tables.get(partition) is warm:
            del self._tables[partition]

    def followed(self) -> Mapping[int, WarmTable]:
        """The tables that are here, for the standby that reads on."""
        return self._tables

    def begin(self, partition: int) -> WarmTable:
        """An empty table, for the standby to fill."""
        warm = self._tables[partition] = WarmTable()
        return warm


async def recover_table(
    kafka: Mapping[str, Any],
    topic: str,
    partition: int,
    warm: WarmTable | None,
    on_left: Callable[[int], None],
    on_read: Callable[[int], None],
) -> WarmTable:
    """Reads the changelog to its end: from where a warm table stands, else from its beginning.

    Args:
        kafka: how the cluster is reached.
        topic: of the changelog.
        partition: its number.
        warm: what there is already.
        on_left: is told how many offsets are left to read.
        on_read: is told how many records were read.

    Raises:
        UnknownFormat: a record is of a version that this program does not know.
        MissingChunk: the changelog does not have all of a long history.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    if warm is not None and warm.position is not None:
        try:
            return await _read_on(kafka, topic, partition, warm, on_left, on_read)
        except OffsetTruncated as error:
            log.warning("the warm table of partition %d cannot be used (%s); it is read anew", partition, error)
    return await _read_on(kafka, topic, partition, WarmTable(), on_left, on_read)


async def _read_on(
    kafka: Mapping[str, Any],
    topic: str,
    partition: int,
    warm: WarmTable,
    on_left: Callable[[int], None],
    on_read: Callable[[int], None],
) -> WarmTable:
    began, count, restore = now_s(), 0, warm.table.restore
    on_left(0)
    on_read(0)
    async for batch in read_range(kafka, topic, partition, warm.position, on_left=on_left):
        for record in batch:
            restore(record.key, record.value)
        warm.position = batch[-1].offset + 1
        count += len(batch)
        on_read(count)
    warm.table.finish_restore()
    warm.as_of = began
    return warm
