"""A process of its own that imports a file as far as publishing, and prints how long each stage took, as JSON."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from agents.importing.reading.opening import open_source
from agents.importing.staging import stage


class StageSeconds(NamedTuple):
    """A stage, and how long it took by the wall clock."""

    stage: str
    seconds: float


class ImportRun(msgspec.Struct, frozen=True):
    """What the process measured.

    Attributes:
        stages: in the order in which they ran.
        rows: rows that were read.
        orders: different order numbers.
        peak_mib: the most memory that the process used.
    """

    stages: list[StageSeconds]
    rows: int
    orders: int
    peak_mib: float


def main() -> None:
    """Measure the file that the command line names."""
    stages = []
    started_s = time.perf_counter()
    source = open_source(Path(sys.argv[1]))
    stages.append(StageSeconds("encoding, dialect and header decided", time.perf_counter() - started_s))
    started_s = time.perf_counter()
    with stage([source], lambda _: None) as staging:
        stages.append(StageSeconds("rows staged", time.perf_counter() - started_s))
        table = staging.tables[0]
        orders = staging.distinct(table, sys.argv[2])
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        run = ImportRun(stages, table.rows, orders, peak_mib)
    json.dump(msgspec.to_builtins(run), sys.stdout)


if __name__ == "__main__":
    main()
