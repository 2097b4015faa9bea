"""deploy/sizing.md: its table is computed from its figures, and its byte counts match the written records."""

import math
import re
from collections.abc import Iterator
from typing import Any, Final

import pytest
from typer.main import get_command

from bench.__main__ import app
from streams.defaults import campaigns_text, policy_text
from tests.generated.sizing import PAGE, computed, given, needed, with_computed
from tests.oracle import moments
from tests.property.folding import Lane, journal_of

TEXT: Final = PAGE.read_text("utf-8")
FIGURES: Final = given(TEXT)

FRAMING: Final = 12
"""Bytes that Kafka adds to a record in a batch: lengths, deltas of offset and time."""


def purchases(count: int) -> Iterator[dict[str, Any]]:
    """Yield the rules and a customer's orders, a week apart."""
    yield {"type": "policy", "text": policy_text()}
    yield {"type": "campaigns", "text": campaigns_text()}
    begin = moments.parse("2024-01-01T00:00:00Z")
    for number in range(count):
        yield {
            "type": "purchase",
            "event_id": f"till-7/{number:07d}",
            "customer_id": "customer-0000017",
            "order_id": f"{number:07d}",
            "occurred_at": moments.text(begin + number * 7 * 86_400_000),
            "amount": f"{1000 + number}.50",
            "currency": "RUB",
            "store_id": "msk-014",
            "channel": "till",
        }


def stored_bytes(orders: int) -> int:
    """Return the bytes in the changelog of a customer with this many orders, a month after the last one."""
    begin, weeks = moments.parse("2024-01-01T00:00:00Z"), orders + 4
    last_tick = {"type": "tick", "at": moments.text(begin + weeks * 7 * 86_400_000)}
    lane = Lane(journal_of([*purchases(orders), last_tick])).run()
    return sum(len(key) + len(value) for key, value in lane.written.changelog.items() if key.endswith(b"0000017"))


def test_the_table_is_computed_from_the_figures() -> None:
    assert with_computed(TEXT) == TEXT, "run `python -m tests.generated.sizing`"
    assert computed(TEXT) in TEXT


def test_every_figure_is_in_the_page_once() -> None:
    """A missing or repeated figure is an error."""
    needed(1, FIGURES)
    with pytest.raises(KeyError):
        needed(1, {name: value for name, value in FIGURES.items() if name != "peak"})
    with pytest.raises(ValueError, match="occurs twice"):
        given(TEXT + "| `peak` | 10 | again |\n")


def test_the_arithmetic_agrees_with_a_calculation_by_hand() -> None:
    figures = dict.fromkeys(FIGURES, 1.0) | {
        "memory_gib_a_million": 1.0,
        "worker_gib": 2.0,
        "headroom": 1.5,
        "orders_kept": 5.0,
        "orders_in_bench": 5.0,
        "events_a_year": 365.0,
        "whole_path_a_second": 10_000.0,
        "utilisation": 0.5,
        "peak": 86_400.0,
        "recovered_a_second": 100_000.0,
        "bytes_an_event_in_journal": 100.0,
        "replicas": 3.0,
    }
    need = needed(10, figures)
    assert need.events_a_day == 10_000_000
    assert math.isclose(need.memory_of_customers, 15 * 1024**3)
    assert need.workers_for_memory == 8
    assert math.isclose(need.events_a_second_at_peak, 10_000_000)
    assert need.workers_for_events == need.workers == 2000
    assert need.partitions == 8004
    assert math.isclose(need.recovery_s, 10_000_000 / 2000 / 100_000)
    assert math.isclose(need.journal_a_year, 10_000_000 * 365 * 100 * 3)


def test_the_byte_counts_of_the_page_match_the_written_records() -> None:
    """Within a fifth: the page is for planning."""
    entry = journal_of(purchases(5))[-1]
    counted = {
        "bytes_an_event_in_journal": len(entry.customer_id) + len(entry.value) + FRAMING,
        "bytes_a_customer": stored_bytes(5),
        "bytes_an_order": (stored_bytes(105) - stored_bytes(25)) / 80,
    }
    for name, count in counted.items():
        assert FIGURES[name] == pytest.approx(count, rel=0.2), (
            f"{name}: {count:.0f} now; write it into deploy/sizing.md"
        )


def test_every_benchmark_that_the_page_names_exists() -> None:
    named = set(re.findall(r"python -m bench ([a-z-]+)`", TEXT))

    assert named
    assert named <= set(get_command(app).commands)  # type: ignore[attr-defined]  # it is a group


def test_the_page_is_linked_from_both_readmes() -> None:
    for page, link in (("README.md", "deploy/sizing.md"), ("deploy/README.md", "sizing.md")):
        assert f"]({link})" in (PAGE.parents[1] / page).read_text("utf-8")
