"""The file that the benchmark of the import reads."""

import csv
from pathlib import Path

import pytest

from bench.imports.order_lines import COLUMNS, OrderLines, write_order_lines


@pytest.mark.parametrize(("lines", "orders"), [(1_000, 300), (999, 400), (30_000, 9_000)])
def test_the_file_has_the_lines_the_orders_and_the_sum_that_it_says(tmp_path: Path, lines: int, orders: int) -> None:
    path = tmp_path / "orders.csv"
    written = write_order_lines(path, OrderLines(lines, orders))
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == lines
    assert len({row["Order ID"] for row in rows}) == orders
    cents = sum(int(row["Quantity"]) * int(row["Unit price"].replace(".", "")) for row in rows)
    assert cents == written.gross_cents
    for column in ("Created at", "Email"):
        assert len({(row["Order ID"], row[column]) for row in rows}) == orders, "an order has one"
    assert tuple(rows[0]) == COLUMNS


def test_the_same_seed_writes_the_same_file(tmp_path: Path) -> None:
    contents = []
    for seed in (1, 1, 2):
        write_order_lines(tmp_path / "a.csv", OrderLines(500, 150, seed))
        contents.append((tmp_path / "a.csv").read_bytes())
    assert contents[0] == contents[1] != contents[2]
