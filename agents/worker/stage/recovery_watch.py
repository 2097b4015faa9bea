"""Progress and estimated end of the recoveries of a worker's partitions, for the metrics and the log."""

import logging
from dataclasses import dataclass
from typing import Final

from agents.segment.recovery import RecoveryProgress
from streams.clock import Clock
from streams.telemetry.log_throttle import LogThrottle
from streams.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

LOG_SECONDS: Final = 5.0


@dataclass(slots=True)
class _Observed:
    """A recovery that is running: when it was first seen, and the records it had read then and at the last look."""

    started_at: float
    first_read: int
    last_read: int
    throttle: LogThrottle


class RecoveryWatch:
    """Looks at the recoveries of lanes now and then, and estimates from their pace when they will be done."""

    def __init__(self, metrics: Metrics, clock: Clock) -> None:
        self._metrics = metrics
        self._clock = clock
        self._observed: dict[int, _Observed] = {}

    def look(self, partition: int, progress: RecoveryProgress) -> None:
        """Update the gauges of a partition whose lane is open, and log a recovery that takes longer."""
        metrics, label, now = self._metrics, str(partition), self._clock.monotonic()
        read, remaining = progress.read, progress.remaining
        metrics.recovery_records.labels(label).set(read)
        metrics.recovery_remaining_records.labels(label).set(remaining)
        eta = metrics.recovery_eta_seconds.labels(label)
        if not remaining:
            self._observed.pop(partition, None)
            eta.set(0)
            return
        seen = self._observed.get(partition)
        if seen is None or read < seen.last_read:  # a new recovery: the lane has restarted
            self._observed[partition] = seen = _Observed(now, read, read, LogThrottle(self._clock, LOG_SECONDS))
            seen.throttle.skip()
            return
        seen.last_read = read
        if read == seen.first_read:
            return
        elapsed_s = now - seen.started_at
        eta_s = remaining * elapsed_s / (read - seen.first_read)
        eta.set(eta_s)
        metrics.recovery_seconds.labels(label).set(elapsed_s)
        if seen.throttle.should_log():
            log.info(
                "partition %d recovers: %d changelog records read in %.0f s, up to %d remaining, done in about %.0f s",
                partition, read, elapsed_s, remaining, eta_s,
            )  # fmt: skip
