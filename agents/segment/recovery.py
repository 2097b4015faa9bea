"""Recover a journal partition from what was written of it: the erasure ledger, the changelog, the progress."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from state.customer.order_chunks import MissingChunk
from state.daily.day_counter import DayCounter
from state.fold.partition import NoPolicy, Partition
from state.records.erasure import Erasure, erasure_key
from state.records.events import UnknownFormatVersion
from streams.clock import Clock
from streams.errors import FatalError
from streams.kafka.broker import Broker
from streams.kafka.reader import OffsetTruncated
from streams.kafka.topics import Topics
from streams.tables.customers_table import CustomersTable
from streams.tables.erasure_ledger import read_ledger
from streams.tables.progress import read_progress
from streams.tables.warm_tables import WarmTable, recover_table


@dataclass(slots=True)
class RecoveryProgress:
    """How far a recovery is.

    Attributes:
        read: changelog records read.
        remaining: changelog offsets still to read; 0 once it is done.
    """

    read: int = 0
    remaining: int = 0

    def set_read(self, count: int) -> None:
        """Take the number of records read."""
        self.read = count

    def set_remaining(self, count: int) -> None:
        """Take the number of offsets still to read."""
        self.remaining = count


class Recovered(NamedTuple):
    """What was recovered of a partition.

    Attributes:
        partition: the fold, as the last complete write left it.
        warm: its table.
        orders_erased: the journal offset up to which erasures are done in the order ledger.
    """

    partition: Partition
    warm: WarmTable
    orders_erased: int


async def recover_partition(
    broker: Broker,
    topics: Topics,
    number: int,
    warm: WarmTable | None,
    clock: Clock,
    on_remaining: Callable[[int], None],
    on_read: Callable[[int], None],
) -> Recovered:
    """Return the partition as its last complete write left it, and its table.

    Args:
        broker: where it was written.
        topics: the names of the topics.
        number: of the partition.
        warm: its table, if this process still has one; only what follows it is read then.
        clock: for `WarmTable.as_of`.
        on_remaining: called with the number of changelog offsets still to read.
        on_read: called with the number of changelog records read.

    Raises:
        FatalError: another version wrote a record, or something is missing.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    with fatal_where_permanent(f"{topics.erasure_ledger}:{number}"):
        erasures = await read_ledger(broker.read(topics.erasure_ledger, number))
    with fatal_where_permanent(f"{topics.progress}:{number}"):
        written = await read_progress(broker.read(topics.progress, number))
    with fatal_where_permanent(f"{topics.customers}:{number}"):
        recovered = await recover_table(broker, topics.customers, number, warm, clock, on_remaining, on_read)
        table = recovered.table
        remove_erased(table, erasures)
        daily = DayCounter(table.days)
        partition = Partition(table, written.progress, erasures, written.texts, daily=daily)
        return Recovered(partition, recovered, written.orders_erased)


def remove_erased(table: CustomersTable, erasures: Mapping[bytes, Erasure]) -> None:
    """Remove profiles that the ledger says are erased: a crash came before their tombstones."""
    if not erasures:
        return
    for customer_id in list(table.ids()):
        erasure = erasures.get(erasure_key(customer_id))
        profile = table.get(customer_id) if erasure is not None else None
        if erasure is not None and profile is not None and profile.offset <= erasure.offset:
            table.remove(customer_id)


@contextmanager
def fatal_where_permanent(place: str) -> Iterator[None]:
    """Raise `FatalError`, which ends the worker, for errors at `place` that trying again would not fix."""
    try:
        yield
    except (UnknownFormatVersion, MissingChunk, OffsetTruncated, NoPolicy) as error:
        raise FatalError(f"{place}: {error}") from error
