"""The clock in a peer's process: from the first record that it accepts until all accepted records are processed."""

import json
import os
import time
from pathlib import Path
from typing import Final

from bench.testbed.process_usage import processor_seconds

KAFKA: Final = os.environ.get("BENCH_KAFKA", "127.0.0.1:9092")
SOURCE: Final = os.environ.get("BENCH_SOURCE", "bench.purchases.v1")
APP: Final = os.environ.get("BENCH_APP", "bench-peer")
PARTITIONS: Final = 4


class Clock:
    """Counts the records accepted from the source, and measures time and processor time.

    The options come from the environment.

    Attributes:
        total: number of records in the source.
        taken: number of records accepted so far.
        covered: by partition, the offset up to which records were accepted.
    """

    def __init__(self) -> None:
        self.total = int(os.environ.get("BENCH_EVENTS", "0"))
        self.taken = 0
        self.covered: dict[int, int] = {}
        self._limit = float(os.environ.get("BENCH_SECONDS", "inf"))
        self._result = os.environ.get("BENCH_RESULT")
        self._broker = int(os.environ.get("BENCH_BROKER_PID", "0"))
        self._started_s: float | None = None
        self._cpu: tuple[float, float | None] = (0.0, None)

    def start(self) -> None:
        """Start the clock; otherwise the first record starts it."""
        self._started_s, self._cpu = time.perf_counter(), self._used()

    def take(self, partition: int, offset: int) -> bool:
        """Count a record; return False if the time is up and the peer must not accept it."""
        if self._started_s is None:
            self.start()
        elif time.perf_counter() - self._started_s > self._limit:
            return False
        self.taken += 1
        self.covered[partition] = offset + 1
        return True

    def take_batch(self, partition: int, first: int, last: int) -> None:
        """Count a batch of records from offset `first` to `last`."""
        if self.take(partition, last):
            self.taken += last - first

    def take_many(self, count: int) -> None:
        """Count records of any partition, in a peer that accepts all."""
        if self._started_s is None and count:
            self.start()
        self.taken += count

    @property
    def all_taken(self) -> bool:
        """Whether the source has no more records."""
        return self.taken >= self.total

    def stop(self) -> None:
        """Stop the clock and write the result."""
        assert self._started_s is not None
        seconds = time.perf_counter() - self._started_s
        used, broker = self._used()
        measured = {
            "events": self.taken,
            "seconds": seconds,
            "cpu": used - self._cpu[0],
            "broker_cpu": None if broker is None or self._cpu[1] is None else broker - self._cpu[1],
            "covered": self.covered,
        }
        if self._result is None:
            print(json.dumps(measured))
        else:
            Path(self._result).write_text(json.dumps(measured), encoding="utf-8")

    def _used(self) -> tuple[float, float | None]:
        return time.process_time(), processor_seconds(self._broker)
