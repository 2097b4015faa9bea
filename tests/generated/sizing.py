"""The arithmetic of deploy/sizing.md: its computed table follows from the two tables before it.

python -m tests.generated.sizing    # updates the computed table
"""

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

PAGE: Final = Path(__file__).parents[2] / "deploy/sizing.md"
SIZES: Final = (1, 10, 100)
"""Millions of customers."""

_MILLION: Final = 1_000_000
_KIB, _GIB, _GB = 1024, 1024**3, 1000**3
_DAYS, _SECONDS = 365, 365 * 86_400
_ROW: Final = re.compile(r"^\| `(\w+)` \| ([\d.,]+)(?: \?)? \|", re.MULTILINE)
_COMPUTED: Final = re.compile(r"(?<=<!-- computed -->\n).*?(?=<!-- /computed -->)", re.DOTALL)


class Need(NamedTuple):
    """What a number of customers needs."""

    events_a_day: float
    events_a_second_at_peak: float
    memory_of_customers: float
    workers_for_memory: int
    workers_for_events: int
    workers: int
    partitions: int
    busy: float
    changelog: float
    journal_a_year: float
    sources: float
    redis: float
    recovery_s: float
    due_peak_s: float
    import_h: float


def given(page: str) -> dict[str, float]:
    """Return the figures of the first two tables by name: measured and assumed ones.

    Raises:
        ValueError: A name occurs twice.
    """
    rows = [(row[1], float(row[2].replace(",", ""))) for row in _ROW.finditer(page)]
    figures = dict(rows)
    if len(figures) != len(rows):
        raise ValueError(f"a figure occurs twice: {sorted(name for name, _ in rows)}")
    return figures


def needed(millions: int, f: Mapping[str, float]) -> Need:
    """Return what this many million customers need."""
    customers = millions * _MILLION
    events_a_year = customers * f["events_a_year"]
    peak = events_a_year / _SECONDS * f["peak"]
    further = f["orders_kept"] - f["orders_in_bench"]
    one = f["memory_gib_a_million"] * _GIB / _MILLION + further * f["bytes_an_order"]
    memory = customers * one * f["headroom"]
    for_memory = math.ceil(memory / (f["worker_gib"] * _GIB))
    for_events = math.ceil(peak / (f["whole_path_a_second"] * f["utilisation"]))
    workers = max(2, for_memory, for_events)
    state = f["bytes_a_customer"] + further * f["bytes_an_order"]
    return Need(
        events_a_day=events_a_year / _DAYS,
        events_a_second_at_peak=peak,
        memory_of_customers=memory,
        workers_for_memory=for_memory,
        workers_for_events=for_events,
        workers=workers,
        partitions=12 * math.ceil(4 * workers / 12),
        busy=peak / workers / f["whole_path_a_second"],
        changelog=customers * state * f["compaction"] * f["replicas"],
        journal_a_year=events_a_year * f["bytes_an_event_in_journal"] * f["replicas"],
        sources=events_a_year * 30 / _DAYS * f["bytes_an_event"] * f["replicas"],
        redis=customers * f["bytes_a_customer_in_redis"],
        recovery_s=customers / workers / f["recovered_a_second"],
        due_peak_s=customers * f["due_at_once"] / 100 / workers / 100_000 * f["due_100000_s"],
        import_h=customers * f["orders_kept"] / (workers * f["whole_path_a_second"] * f["utilisation"]) / 3600,
    )


def computed(page: str) -> str:
    """Return the computed table of the page, from its figures."""
    figures = given(page)
    needs = [needed(millions, figures) for millions in SIZES]
    rows = {
        "events per day": [_count(n.events_a_day) for n in needs],
        "events per second at the peak": [_count(n.events_a_second_at_peak) for n in needs],
        "memory for customers, all workers": [_size(n.memory_of_customers, _GIB, "GiB") for n in needs],
        "workers, by memory": [_count(n.workers_for_memory) for n in needs],
        "workers, by events": [_count(n.workers_for_events) for n in needs],
        "**workers** (at least 2)": [f"**{_count(n.workers)}**" for n in needs],
        "**`GOLDSTREAM_PARTITIONS`**": [f"**{_count(n.partitions)}**" for n in needs],
        "load of a worker's core at the peak": [f"{n.busy:.1%}" for n in needs],
        "recovery of a restarted worker": [_seconds(n.recovery_s) for n in needs],
        "time to publish the largest wave at one tick": [_seconds(n.due_peak_s) for n in needs],
        "time to import all orders": [_hours(n.import_h) for n in needs],
        "disk: changelog": [_size(n.changelog, _GB, "GB") for n in needs],
        "disk: journal, one year": [_size(n.journal_a_year, _GB, "GB") for n in needs],
        "disk: source topics, 30 days": [_size(n.sources, _GB, "GB") for n in needs],
        "memory of Redis": [_size(n.redis, _GIB, "GiB") for n in needs],
    }
    head = f"| customers | {' | '.join(f'{size} million' for size in SIZES)} |\n|---{'|--:' * len(SIZES)}|\n"
    return head + "".join(f"| {name} | {' | '.join(cells)} |\n" for name, cells in rows.items())


def with_computed(page: str) -> str:
    """Return the page with its computed table updated."""
    return _COMPUTED.sub(computed(page).replace("\\", r"\\"), page)


def _rounded(value: float) -> float:
    """Round to two digits: the figures are not more precise."""
    return round(value, 1 - math.floor(math.log10(value))) if value else 0.0


def _count(value: float) -> str:
    return f"{value if isinstance(value, int) else round(_rounded(value)):,}"


def _size(value: float, unit: int, name: str) -> str:
    return (
        f"{_rounded(value / unit):,.3g} {name}" if value / unit < 1000 else f"{round(_rounded(value / unit)):,} {name}"
    )


def _seconds(value: float) -> str:
    return f"{_rounded(value):.2g} s"


def _hours(value: float) -> str:
    return f"{_rounded(value * 60):.2g} min" if value < 1 else f"{_rounded(value):.2g} h"


if __name__ == "__main__":
    PAGE.write_text(with_computed(PAGE.read_text("utf-8")), "utf-8")
