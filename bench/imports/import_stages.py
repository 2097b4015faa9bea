"""A process of its own that imports a file as far as publishing, and prints how long each stage took, as JSON."""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from agents.importing.events.imported_event import ImportedEvent
from agents.importing.mapping.mapping import Mapping
from agents.importing.publication.event_spool import EventSpool
from agents.importing.reading.opening import open_source
from agents.importing.staging.stage import stage
from agents.importing.understanding import PolicyInfo, Understanding, UnderstandOptions, understand


class StageSeconds(NamedTuple):
    """A stage, and how long it took by the wall clock."""

    stage: str
    seconds: float


class ImportRun(msgspec.Struct, frozen=True):
    """What the process measured.

    Attributes:
        stages: in the order in which they ran.
        rows: rows that were read.
        orders: purchases, which are events in a temporary file at the end.
        gross_minor: their sum.
        peak_mib: the most memory that the process used.
    """

    stages: list[StageSeconds]
    rows: int
    orders: int
    gross_minor: int
    peak_mib: float


def main() -> None:
    """Measure the file and the currency that the command line names."""
    path, currency = sys.argv[1:]
    stages = []
    started_s = time.perf_counter()
    source = open_source(Path(path))
    stages.append(StageSeconds("encoding, dialect and header decided", time.perf_counter() - started_s))
    started_s = time.perf_counter()
    with stage([source], lambda _: None) as staging, EventSpool() as spool:
        stages.append(StageSeconds("rows staged", time.perf_counter() - started_s))
        started_s = time.perf_counter()
        understood = understand(staging, Mapping(), PolicyInfo(currency), UnderstandOptions(on_event=_adding_to(spool)))
        stages.append(StageSeconds("columns decided, orders built and counted", time.perf_counter() - started_s))
        json.dump(msgspec.to_builtins(_run(stages, understood, spool.count)), sys.stdout)


def _adding_to(spool: EventSpool) -> Callable[[ImportedEvent], None]:
    def add(event: ImportedEvent) -> None:
        spool.add(event)

    return add


def _run(stages: list[StageSeconds], understood: Understanding, events: int) -> ImportRun:
    if understood.questions:
        sys.exit(f"the import asks: {understood.questions[0].text}")
    if events != understood.totals.orders:
        sys.exit(f"the import spooled {events:,} events of {understood.totals.orders:,} orders")
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    totals = understood.totals
    return ImportRun(stages, totals.rows, totals.orders, totals.gross_minor, peak_mib)


if __name__ == "__main__":
    main()
