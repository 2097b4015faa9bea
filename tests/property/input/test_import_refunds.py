"""Refunds of any form in overlapping exports against a count that knows nothing of files: each counts once."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.agents.importing.understood_files import understand_files

START = date(2025, 3, 1)


@dataclass
class Refund:
    """A refund of some cents, some days after its order."""

    cents: int
    days: int


@dataclass
class Order:
    """An order on a day, with its refunds."""

    day: int
    cents: int
    refunds: list[Refund] = field(default_factory=list)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


REFUNDS = st.builds(Refund, st.integers(1, 9_000), st.integers(1, 20))
SHOPS = st.lists(
    st.builds(Order, st.integers(0, 40), st.integers(100, 20_000), st.lists(REFUNDS, max_size=3)),
    min_size=1,
    max_size=6,
)


def _rows(orders: list[Order], days: range, form: str) -> list[str]:
    """Return the rows of an export of some days: orders, and refunds in rows of their own."""
    rows = []
    for number, order in enumerate(orders):
        start, who = START + timedelta(order.day), f"c{number % 3}"
        refund_number = "," if form == "numbers" else ""
        if order.day in days:
            rows.append(f"o{number}{refund_number},{start},{who},{_money(order.cents)}")
        for ordinal, refund in enumerate(order.refunds):
            if order.day + refund.days in days:
                at = start + timedelta(refund.days)
                own = f",r{number}-{ordinal}" if form == "numbers" else ""
                sign = "" if form == "numbers" else "-"
                rows.append(f"o{number}{own},{at},{who},{sign}{_money(refund.cents)}")
    return rows


def _money(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02}"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(orders=SHOPS, form=st.sampled_from(["numbers", "signs"]), cut=st.integers(5, 55), overlap=st.integers(0, 30))
def test_every_refund_counts_once_in_overlapping_exports(
    folder: Path, orders: list[Order], form: str, cut: int, overlap: int
) -> None:
    header = "order_id,refund_id,date,customer_id,amount" if form == "numbers" else "order_id,date,customer_id,amount"
    exports = [_rows(orders, range(cut), form), _rows(orders, range(max(0, cut - overlap), 100), form)]
    files = {f"{number}.csv": "\n".join([header, *rows]) + "\n" for number, rows in enumerate(exports) if rows}
    found = understand_files(folder, files)
    if found.asked:  # a file without any order beside its refunds can be read in two ways
        assert set(found.asked) <= {"refund_numbers", "group.amount"}
        return
    gross = sum(order.cents for order in orders)
    given_back = sum(min(order.cents, sum(refund.cents for refund in order.refunds)) for order in orders)
    assert (found.totals.orders, found.totals.gross_minor) == (len(orders), gross)
    if form == "numbers":  # without numbers, the rows of an order at one moment are lines of one refund
        assert found.totals.refunds == sum(len(order.refunds) for order in orders)
    assert found.totals.refunds_minor == given_back
    assert {event.get("order_id") for event in found.of("refund")} <= {f"o{number}" for number in range(len(orders))}
