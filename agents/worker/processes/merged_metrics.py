"""The metrics of several processes as those of one worker."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

PROCESS_PREFIXES = ("process_", "python_")
"""Metrics that each process has of its own; in a worker of several processes, the label `stage` tells them apart."""


class MergedMetrics(Collector):
    """Metrics added one process after the other; a family of several becomes one, and no sample appears twice.

    Goldstream's own samples differ between the processes of a worker, because each exposes only the metrics of its
    stage (`Metrics`). So there is nothing to add up, and where a process is missing, its counters are missing: a sum
    that fell and rose again would look like an increase.
    """

    def __init__(self) -> None:
        self._families: dict[str, Metric] = {}

    def add(self, process: str, text: str) -> None:
        """Add the metrics of a process, given as Prometheus text."""
        for family in text_string_to_metric_families(text):
            if family.name.startswith(PROCESS_PREFIXES):
                for sample in family.samples:
                    sample.labels["stage"] = process
            known = self._families.setdefault(family.name, family)
            if known is not family:
                known.samples += family.samples

    def collect(self) -> Iterable[Metric]:
        """Return the families in the order in which they were added first."""
        return self._families.values()
