"""Where the recoveries of a worker's partitions stand, and when they will be done: for the metrics and for the log."""

import logging
from dataclasses import dataclass
from typing import Final

from streams.clock import Clock
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

SAY_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Seen:
    """When a recovery was first seen, how much it had read then and last, and what throttles its log lines."""

    at: float
    read: float
    last: float
    throttle: LogThrottle


class RecoveryWatch:
    """Looks now and then at what the lanes say of their recoveries, and works out their pace."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._seen: dict[int, _Seen] = {}

    def look(self, partition: int) -> None:
        """Look at the partition of a lane that is open; one whose recovery is done is done in 0 seconds."""
        metrics, label, now = self._metrics, str(partition), self._clock.monotonic()
        left = metrics.recovery_remaining_records.labels(label)._value.get()  # noqa: SLF001 - it has no other reader
        read = metrics.recovery_records.labels(label)._value.get()  # noqa: SLF001
        eta = metrics.recovery_eta_seconds.labels(label)
        if not left:
            self._seen.pop(partition, None)
            eta.set(0)
            return
        seen = self._seen.get(partition)
        if seen is None or read < seen.last:  # a new one: the lane began anew
            self._seen[partition] = seen = _Seen(now, read, read, LogThrottle(self._clock, SAY_SECONDS))
            seen.throttle.skip()
            return
        seen.last = read
        if read == seen.read:
            return
        elapsed = now - seen.at
        eta.set(left * elapsed / (read - seen.read))
        metrics.recovery_seconds.labels(label).set(elapsed)
        if seen.throttle.should_log():
            log.info(
                "partition %d recovers: %.0f changelog records read in %.0f s, at most %.0f left, done in some %.0f s",
                partition, read, elapsed, left, eta._value.get(),  # noqa: SLF001
            )  # fmt: skip
