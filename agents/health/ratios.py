"""Derive the ratios of a day from its totals: average order values, and shares between 0 and 1.

A quotient whose denominator is not positive is 0, as everywhere in Goldstream.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

import msgspec

GOLDEN: Final = "golden"
"""The segment of the built-in policy; another policy says which one is meant (`Policy.golden`)."""
_FOUR_DIGITS: Final = Decimal("0.0001")


class DayRatios(msgspec.Struct, frozen=True):
    """Ratios of one day; money in major units.

    The names of fields in JSON, given by `msgspec.field(name=...)` where they differ from the attribute, are a public
    format.

    Attributes:
        day_average_check: the average order value of the day: its gross revenue divided by its orders.
        first_order_share: of the day's orders; `first_revenue_share` of its gross revenue.
        average_check: the average order value of the window that ends with the day: its net revenue divided by its
            orders; `average_check_by_segment` likewise.
        golden_share: of the known customers; `golden_revenue_share` of the net revenue of the window.
        reachable_share: of the known customers.
    """

    day_average_check: str = msgspec.field(name="check")
    first_order_share: float
    first_revenue_share: float
    average_check: str
    average_check_by_segment: dict[str, str]
    golden_share: float
    golden_revenue_share: float
    reachable_share: float


def ratios_of(day: Mapping[str, Any], golden_segment: str = GOLDEN) -> DayRatios:
    """Return the ratios of a day whose totals are summed over the partitions; `Policy.golden` is the golden segment."""
    segments = segments_of(day)
    zero = money_of(day, "gross") * 0  # with the digits of the currency
    net = sum((money_of(each, "net") for each in segments.values()), zero)
    orders = sum(each.get("orders", 0) for each in segments.values())
    golden, first = segments.get(golden_segment, {}), day.get("first", {})
    customers = day.get("customers", 0)
    return DayRatios(
        day_average_check=f"{_average(money_of(day, 'gross'), day.get('orders', 0))}",
        first_order_share=share(first.get("orders", 0), day.get("orders", 0)),
        first_revenue_share=share(money_of(first, "gross"), money_of(day, "gross")),
        average_check=f"{_average(net, orders)}",
        average_check_by_segment={
            name: f"{_average(money_of(each, 'net') + zero, each.get('orders', 0))}" for name, each in segments.items()
        },
        golden_share=share(golden.get("customers", 0), customers),
        golden_revenue_share=share(money_of(golden, "net"), net),
        reachable_share=share(day.get("reachable", 0), customers),
    )


def with_figures(day: Mapping[str, Any], golden_segment: str) -> dict[str, Any]:
    """Return a day with its `figures`, as `--json` and look-ups have it: the ratios, and which segment is golden."""
    ratios: dict[str, Any] = msgspec.to_builtins(ratios_of(day, golden_segment))
    return {**day, "figures": {**ratios, "golden_segment": golden_segment}}


def segments_of(day: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the totals at the end of the day by segment, those with the most net revenue in the window first."""
    segments: dict[str, Mapping[str, Any]] = day.get("segments", {})
    return dict(sorted(segments.items(), key=lambda each: (-money_of(each[1], "net"), each[0])))


def money_of(totals: Mapping[str, Any], name: str) -> Decimal:
    """Return an amount in major units; 0 if the totals do not have it."""
    return Decimal(totals.get(name, 0))


def share(part: int | Decimal, whole: int | Decimal) -> float:
    """Return part divided by whole to four digits, rounded half to even."""
    if whole <= 0:
        return 0.0
    return float((Decimal(part) / Decimal(whole)).quantize(_FOUR_DIGITS, ROUND_HALF_EVEN)) + 0.0


def _average(revenue: Decimal, orders: int) -> Decimal:
    """Return revenue divided by orders to the currency's digits, rounded half to even."""
    digits = Decimal(1).scaleb(revenue.as_tuple().exponent)  # type: ignore[arg-type]  # no NaN in a topic of ours
    return (revenue / orders).quantize(digits, ROUND_HALF_EVEN) + 0 if orders > 0 else abs(revenue) * 0  # no -0.00
