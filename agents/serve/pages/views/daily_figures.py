"""The figures of the page Health: what each one is, how it is taken from the daily totals, and how it is written."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple

from agents.health.ratios import money_of, segments_of
from agents.languages.translations import mark

Day = Mapping[str, Any]
Kind = Literal["count", "money", "share"]

_UP: Final = 1
_DOWN: Final = -1


class Figure(NamedTuple):
    """A figure of the page.

    Attributes:
        key: its name in addresses.
        title: in English; translated where it is shown, with the title of the golden segment.
        meaning: one sentence for those who do not know it, with the policy's window.
        kind: how it is written.
        parts: of a day: the figure is the first sum divided by the second, over the days of a period; where the second
            is None it is the first sum.
        at_end: whether it is a state: that of the last day counts for a period, instead of all days.
        better: 1 if more is better, -1 if less is, 0 if neither.
    """

    key: str
    title: str
    meaning: str
    kind: Kind
    parts: Callable[[Day], tuple[Decimal, Decimal | None]]
    at_end: bool = False
    better: int = _UP

    def of(self, days: Sequence[Day]) -> float | None:
        """Return the figure of a period; None if no day has it, or nothing to divide by."""
        known = [day for day in days if day] if not self.at_end else [day for day in days[-1:] if day]
        if not known:
            return None
        parts = [self.parts(day) for day in known]
        if parts[0][1] is None:
            return float(sum(part for part, _ in parts))
        whole = sum(whole for _, whole in parts if whole is not None)
        return float(sum(part for part, _ in parts) / whole) if whole > 0 else None


def _count(name: str) -> Callable[[Day], tuple[Decimal, Decimal | None]]:
    return lambda day: (Decimal(day.get(name, 0)), None)


def _new(day: Day) -> tuple[Decimal, Decimal | None]:
    new = day.get("new", {})
    return Decimal(sum(new.get("signup", {}).values()) + new.get("order", 0) + new.get("other", 0)), None


def _average_order_value(day: Day) -> tuple[Decimal, Decimal | None]:
    return money_of(day, "gross"), Decimal(day.get("orders", 0))


def _first_orders(day: Day) -> tuple[Decimal, Decimal | None]:
    return Decimal(day.get("first", {}).get("orders", 0)), Decimal(day.get("orders", 0))


def _share_of(segment: str) -> Callable[[Day], tuple[Decimal, Decimal | None]]:
    def parts(day: Day) -> tuple[Decimal, Decimal | None]:
        customers = segments_of(day).get(segment, {}).get("customers", 0)
        return Decimal(customers), Decimal(day.get("customers", 0))

    return parts


def _revenue_share_of(segment: str) -> Callable[[Day], tuple[Decimal, Decimal | None]]:
    def parts(day: Day) -> tuple[Decimal, Decimal | None]:
        segments = segments_of(day)
        whole = sum(money_of(each, "net") for each in segments.values())
        return money_of(segments.get(segment, {}), "net"), Decimal(whole)

    return parts


def _reachable(day: Day) -> tuple[Decimal, Decimal | None]:
    return Decimal(day.get("reachable", 0)), Decimal(day.get("customers", 0))


def _net(day: Day) -> tuple[Decimal, Decimal | None]:
    return money_of(day, "net"), None


_FIGURES: Final = (
    Figure("revenue", mark("Net revenue"), mark("Purchases less refunds."), "money", _net),
    Figure("orders", mark("Orders"), mark("All purchases of known customers."), "count", _count("orders")),
    Figure(
        "order-value",
        mark("Average order value"),
        mark("What was paid, divided by the number of orders."),
        "money",
        _average_order_value,
    ),
    Figure("buyers", mark("Buyers"), mark("Customers who bought, counted once a day."), "count", _count("buyers")),
    Figure("new", mark("First seen"), mark("Customers who became known, by a purchase or a signup."), "count", _new),
    Figure(
        "returned",
        mark("Returned customers"),
        mark("Customers who bought again after a long pause."),
        "count",
        _count("returns"),
    ),
    Figure(
        "lapsed",
        mark("Lapsed customers"),
        mark("Customers who fell into a worse segment because time passed."),
        "count",
        _count("lapses"),
        better=_DOWN,
    ),
    Figure(
        "first-orders",
        mark("Share of first orders"),
        mark("Of all orders, those of customers who had never bought before."),
        "share",
        _first_orders,
        better=0,
    ),
    Figure("customers", mark("Customers"), mark("All known customers."), "count", _count("customers"), at_end=True),
    Figure(
        "reachable",
        mark("Share that gets messages"),
        mark("Of all customers, those with a usable channel; not those who respond to no message and get none now."),
        "share",
        _reachable,
        at_end=True,
    ),
)


def figures_of(golden: str) -> tuple[Figure, ...]:
    """Return all figures; `golden` is the segment of the best customers. Titles name it as `%(golden)s`."""
    return (
        *_FIGURES,
        Figure(
            "golden",
            mark("Share of “%(golden)s”"),
            mark("Of all customers, those in this segment."),
            "share",
            _share_of(golden),
            at_end=True,
        ),
        Figure(
            "golden-revenue",
            mark("“%(golden)s” in revenue"),
            mark("Of the revenue in %(window)s, that of customers in this segment."),
            "share",
            _revenue_share_of(golden),
            at_end=True,
            better=0,
        ),
    )
