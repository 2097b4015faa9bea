"""Remove the orders of erased customers from a partition of the order ledger, in the background of its lane.

The ledger is not in memory, so removing a customer takes reading the whole partition. It happens once for all customers
who were erased meanwhile, and takes at most half of the time, so that the lane goes on. What is done is written to
`progress`: a lane that recovers completes what a crash left, and reads nothing if there is nothing to complete.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from state.records.erasure import Erasure
from state.records.events import UnknownFormatVersion
from streams.engine.lane import StageContext
from streams.errors import FatalError
from streams.kafka.broker import Broker
from streams.kafka.topics import Topics
from streams.kafka.watched_broker import WatchedBroker
from streams.kafka.writing.batch_writer import BatchWriter
from streams.retries import Backoff, retry_until_stopped
from streams.tables.order_ledger import customer_part, decode_entry
from streams.tables.progress import ORDERS_ERASED_KEY, encode_orders_erased

log = logging.getLogger(__name__)

MAX_CUSTOMERS: Final = 5_000
"""How many customers one reading removes: it holds the keys of all their entries, 100 bytes each."""
SLICE_RECORDS: Final = 1_000
"""Records between two pauses: they take a millisecond."""
TOMBSTONES: Final = 5_000
"""How many are written at once."""
FIRST_PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 60.0
CLOSE_SECONDS: Final = 1.0
"""How long closing waits for the connection of an interrupted reading to close."""


class OrderErasure:
    """Removes entries of one partition of `order-ledger` in a task of its own."""

    def __init__(self, topics: Topics, number: int, broker: Broker, context: StageContext) -> None:
        """Take the partition `number`; `context` knows the time and whether the partition is still this worker's."""
        waiter = context.waits.waiter()
        self._topics = topics
        self._number = number
        self._broker = WatchedBroker(broker, waiter)
        self._context = context
        self._writer = BatchWriter(context.producer, waiter)
        self._pending: dict[bytes, int] = {}
        self._wanted = asyncio.Event()
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, erasures: Mapping[bytes, Erasure], done: int) -> None:
        """Start, with what a former owner of the partition has left to do.

        Args:
            erasures: the erasure ledger of the partition.
            done: the journal offset up to which erasures are done.
        """
        self.add({key: erasure for key, erasure in erasures.items() if erasure.offset > done})
        self._task = asyncio.create_task(self._run(), name=f"order-erasure:{self._number}")
        self._task.add_done_callback(_note_result)

    def add(self, erasures: Mapping[bytes, Erasure]) -> None:
        """Remove the entries of these customers soon; the erasures are in the ledger."""
        self._pending.update((customer_part(key), erasure.offset) for key, erasure in erasures.items())
        if self._pending:
            self._wanted.set()

    def check(self) -> None:
        """Raise what has ended the task.

        Raises:
            FatalError: a version of goldstream wrote an entry that this one cannot read.
            OwnershipLost: the partition may be another worker's.
        """
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()

    async def close(self) -> None:
        """Stop; what is not done is for the next owner."""
        self._stop.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)

    async def _run(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            await retry_until_stopped(
                self._remove_all,
                on=(KafkaError, TimeoutError),
                stop=self._stop,
                clock=self._context.clock,
                backoff=Backoff(FIRST_PAUSE_S, MAX_PAUSE_S),
                on_error=self._log_failure,
            )

    async def _log_failure(self, error: Exception, pause_s: float) -> None:
        log.warning(
            "erased customers are still in %s:%d (%s); trying again in %.0f s",
            self._topics.order_ledger, self._number, error, pause_s,
        )  # fmt: skip

    async def _remove_all(self) -> None:
        while self._pending:
            oldest = sorted(self._pending.items(), key=lambda item: item[1])[:MAX_CUSTOMERS]
            await self._remove(dict(oldest))
            for customer, offset in oldest:
                if self._pending[customer] == offset:  # otherwise they were erased again meanwhile
                    del self._pending[customer]

    async def _remove(self, customers: Mapping[bytes, int]) -> None:
        """Remove the entries that were written before these erasures, by the customer's part of the key.

        Tombstones are written after everything is read: an entry may have been replaced by one that is written after
        the erasure, for a customer who has returned.
        """
        topics, number, clock = self._topics, self._number, self._context.clock
        outdated: set[bytes] = set()
        is_empty = True
        async for batch in self._broker.read(topics.order_ledger, number):
            is_empty = False
            for begin in range(0, len(batch), SLICE_RECORDS):
                started = clock.monotonic()
                self._note_outdated(batch[begin : begin + SLICE_RECORDS], customers, outdated)
                await clock.sleep(clock.monotonic() - started)
        if is_empty:
            return
        for keys in _in_chunks(list(outdated)):
            self._context.check_ownership()
            for key in keys:
                self._writer.add(topics.order_ledger, number, key, None)
            await self._writer.flush()
        self._context.check_ownership()
        self._writer.add(topics.progress, number, ORDERS_ERASED_KEY, encode_orders_erased(max(customers.values())))
        await self._writer.flush()
        if outdated:
            log.info("partition %d: %d order-ledger entries of erased customers removed", number, len(outdated))

    def _note_outdated(
        self, records: Sequence[ConsumerRecord], customers: Mapping[bytes, int], outdated: set[bytes]
    ) -> None:
        for record in records:
            offset = customers.get(customer_part(record.key))
            if offset is None:
                continue
            try:
                is_outdated = record.value is not None and decode_entry(record.value).erasure_offset < offset
            except UnknownFormatVersion as error:
                raise FatalError(f"{self._topics.order_ledger}:{self._number}: {error}") from error
            if is_outdated:
                outdated.add(record.key)
            else:
                outdated.discard(record.key)


def _note_result(task: asyncio.Task[None]) -> None:
    """Take note of an error, which `check` raises, so that asyncio does not log it as well."""
    if not task.cancelled():
        task.exception()


def _in_chunks(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for begin in range(0, len(keys), TOMBSTONES):
        yield keys[begin : begin + TOMBSTONES]
