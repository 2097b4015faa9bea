"""A CSV file of line items as a shop exports it; the same for the same workload."""

import csv
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NamedTuple

COLUMNS: Final = (
    "Order ID", "Created at", "Email", "Status", "Currency", "Item", "SKU", "Quantity", "Unit price", "City"
)  # fmt: skip
CURRENCY: Final = "EUR"
_ITEMS: Final = ("Mug, blue", 'Shelf 24" wide', "Чайник электрический", "Tea", "Socks, wool; grey", "Lamp")
_CITIES: Final = ("Berlin", "Тула", "Málaga", "Kraków")
_BEGINNING: Final = datetime(2024, 1, 1, tzinfo=UTC)
_CUSTOMERS_PER_ORDER: Final = 1 / 3
_MAX_CENTS: Final = 20_000


class OrderLines(NamedTuple):
    """How many lines, of how many orders.

    Attributes:
        lines: line items.
        orders: at most as many.
        seed: the same seed gives the same file.
    """

    lines: int
    orders: int
    seed: int = 7


class WrittenLines(NamedTuple):
    """What is in the file.

    Attributes:
        gross_cents: sum of quantity times price.
        file_bytes: size of the file.
    """

    gross_cents: int
    file_bytes: int


def write_order_lines(path: Path, workload: OrderLines) -> WrittenLines:
    """Write the file; the lines of an order are not always one after the other."""
    draw = random.Random(workload.seed)
    customers = max(1, int(workload.orders * _CUSTOMERS_PER_ORDER))
    gross_cents = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for line in range(workload.lines):
            order = _order_of(line, workload)
            at = _BEGINNING + timedelta(seconds=order * 97)
            quantity, cents = draw.randint(1, 4), draw.randint(100, _MAX_CENTS)
            gross_cents += quantity * cents
            writer.writerow(
                (
                    f"#{order:07d}",
                    at.strftime("%Y-%m-%d %H:%M:%S +0000"),
                    f"customer{order * 7919 % customers}@example.com",
                    "paid",
                    CURRENCY,
                    draw.choice(_ITEMS),
                    f"SKU-{draw.randrange(5_000)}",
                    quantity,
                    f"{cents // 100}.{cents % 100:02d}",
                    _CITIES[order % len(_CITIES)],
                )
            )
    return WrittenLines(gross_cents, path.stat().st_size)


def _order_of(line: int, workload: OrderLines) -> int:
    """Return the order of a line: each has about as many lines, and every tenth line is of an earlier order."""
    order = line * workload.orders // workload.lines
    return order // 2 if line % 10 == 9 and line > workload.lines // 2 else order
