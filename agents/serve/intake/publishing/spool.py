"""Store records on disk while Kafka is away, and publish them when it is back, in order per customer.

Records that arrive together are written together, by one thread, with one fsync. While a customer has stored records,
further ones must be stored as well, behind them: `holds` says so. It counts customers in 65,536 classes by their hash,
so that it takes the same memory however many there are; sharing a class with another customer only means to be stored.
"""

import asyncio
import contextlib
import logging
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from agents.serve.intake.publishing.event_publisher import MAX_WAITING_BYTES, EventPublisher, NotPublishedError
from agents.serve.intake.publishing.outgoing_record import OutgoingRecord
from agents.serve.intake.publishing.spool_files import SpoolFiles, StoredRecord, encode_frames
from streams.clock import Clock
from streams.kafka.writing.partitioner import murmur2
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

MAX_BYTES: Final = 1 << 30
"""Of the records that are not delivered; more are refused."""
MAX_AGE_MS: Final = 7 * 86_400_000
"""Of the oldest of them: after that no more are taken, since somebody has to look. Nothing is ever thrown away."""
CHUNK_BYTES: Final = 1 << 20
"""Read and published at once."""
RETRY_PAUSE_S: Final = 1.0

_CLASSES: Final = 1 << 16
Result = TypeVar("Result")


class SpoolRefusedError(NotPublishedError):
    """Records are not stored: the spool is full or too old, or the disk refuses."""


class Spool:
    """The records that are stored and not delivered.

    Attributes:
        size: their bytes on disk.
        earlier_delivered: set once those are delivered that an earlier process has stored.
    """

    def __init__(self, folder: Path, publisher: EventPublisher, metrics: Metrics, clock: Clock) -> None:
        """Open the folder.

        Raises:
            FatalError: another process uses it, or it cannot be written.
        """
        self.size = 0
        self._files = SpoolFiles(folder)
        self._publisher = publisher
        self._metrics = metrics
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "spool")
        self._throttle = LogThrottle(clock)
        self._counts = array("L", bytes(8 * _CLASSES))
        self._oldest_ms: int | None = None
        self._begin = self._files.delivered
        self._waiting: list[tuple[Sequence[OutgoingRecord], asyncio.Future[str | None]]] = []
        self._waiting_bytes = 0
        self._writer: asyncio.Task[None] | None = None
        self._added = asyncio.Event()
        self.earlier_delivered = asyncio.Event()
        self._earlier = 0
        for stored in self._files.read(self._files.delivered):
            self._count([stored.record], 1)
            self._note_stored(stored.size, stored.stored_at_ms)
            self._earlier += 1
        if not self._earlier:
            self.earlier_delivered.set()
        metrics.http_spool_bytes.set_function(lambda: self.size)
        metrics.http_spool_oldest_seconds.set_function(lambda: self.age_ms / 1000)

    @property
    def age_ms(self) -> int:
        """The age of the oldest record; 0 without any."""
        return 0 if self._oldest_ms is None else max(0, self._clock.wall_ms() - self._oldest_ms)

    def holds(self, records: Sequence[OutgoingRecord]) -> bool:
        """Return whether some of these must be stored, since records of the same customer are."""
        return any((place := record.place) is not None and self._counts[_class_of(place)] for record in records)

    async def add(self, records: Sequence[OutgoingRecord]) -> None:
        """Store records; return when they are on disk.

        Raises:
            SpoolRefusedError: they are not stored.
        """
        size = sum(record.size for record in records)
        if self.size + size > MAX_BYTES:
            raise SpoolRefusedError(f"Kafka is away, and the spool is full: it has {self.size} bytes")
        if self.age_ms > MAX_AGE_MS:
            raise SpoolRefusedError(f"Kafka is away, and the spool has waited for {self.age_ms // 86_400_000} days")
        if self._waiting_bytes + size > MAX_WAITING_BYTES:
            raise SpoolRefusedError(f"Kafka is away, and {MAX_WAITING_BYTES >> 20} MiB are waiting for the disk")
        self._waiting_bytes += size
        self._count(records, 1)  # at once: what arrives for the same customers from now on goes behind these
        stored: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._waiting.append((records, stored))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all(), name="spool")
        problem = await asyncio.shield(stored)
        if problem is not None:
            raise SpoolRefusedError(f"Kafka is away, and the spool cannot be written: {problem}")

    async def _write_all(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            now_ms = self._clock.wall_ms()
            frames = encode_frames([record for records, _ in taken for record in records], now_ms)
            problem = None
            try:
                await self._in_thread(partial(self._files.append, frames))
            except OSError as error:
                problem = error.strerror or str(error)
                if self._throttle.should_log(problem):
                    log.error("the spool cannot be written: %s", problem)  # noqa: TRY400 - one line for an operator
                for records, _ in taken:
                    self._count(records, -1)
            else:
                self._note_stored(len(frames), now_ms)
            self._waiting_bytes -= sum(record.size for records, _ in taken for record in records)
            for _, stored in taken:
                if not stored.done():
                    stored.set_result(problem)
        self._writer = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Publish what is stored, and close the folder in the end."""
        task = asyncio.create_task(self._deliver(), name="deliver the spool")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            if self._writer is not None:
                await self._writer
            await self._in_thread(self._files.close)
            self._thread.shutdown()

    async def _deliver(self) -> None:
        while True:
            await self._added.wait()
            self._added.clear()
            while chunk := await self._in_thread(self._next_chunk):
                await self._publish([stored.record for stored in chunk])
                try:
                    await self._in_thread(partial(self._files.mark, chunk[-1].end))
                except OSError as error:
                    log.error("the spool cannot note what is delivered: %s", error)  # noqa: TRY400 - as above
                    await self._clock.sleep(RETRY_PAUSE_S)
                self._note_delivered(chunk)

    async def _publish(self, records: Sequence[OutgoingRecord]) -> None:
        while True:
            try:
                await self._publisher.publish(records).acknowledged()
            except NotPublishedError as error:
                if self._throttle.should_log(str(error)):
                    log.warning("the spool waits with %d bytes: %s", self.size, error)
                await self._clock.sleep(RETRY_PAUSE_S)
            else:
                return

    def _next_chunk(self) -> list[StoredRecord]:
        chunk: list[StoredRecord] = []
        size = 0
        for stored in self._files.read(self._begin):
            chunk.append(stored)
            size += stored.size
            if size >= CHUNK_BYTES:
                break
        return chunk

    def _note_stored(self, size: int, stored_at_ms: int) -> None:
        self.size += size
        if self._oldest_ms is None:
            self._oldest_ms = stored_at_ms
        self._added.set()

    def _note_delivered(self, chunk: Sequence[StoredRecord]) -> None:
        self._begin = max(chunk[-1].end, self._files.delivered)
        self._count([stored.record for stored in chunk], -1)
        self.size -= sum(stored.size for stored in chunk)
        self._oldest_ms = chunk[-1].stored_at_ms if self.size else None
        self._earlier -= len(chunk)
        if self._earlier <= 0:
            self.earlier_delivered.set()

    def _count(self, records: Sequence[OutgoingRecord], change: int) -> None:
        for record in records:
            if (place := record.place) is not None:
                self._counts[_class_of(place)] += change

    async def _in_thread(self, call: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _class_of(key: bytes) -> int:
    return murmur2(key) % _CLASSES
