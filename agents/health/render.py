"""Render the health of the customer base for a terminal, at most 100 columns wide: charts, segments, a row per day."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agents.health.ratios import GOLDEN, DayRatios, money_of, ratios_of, segments_of, share

CHART_DAYS: Final = 30
"""How many days a chart shows at most: the last ones. The table shows all."""

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_FULL: Final = _BLOCKS[-1]
_BAR_WIDTH: Final = 8
_TREND_DAYS: Final = 26
_COLUMN_WIDTH: Final = 13

Number = int | float | Decimal
Day = Mapping[str, Any]


def health_blocks(
    days: Sequence[Day], golden: str = GOLDEN, titles: Mapping[str, str] | None = None
) -> Iterator[RenderableType]:
    """Yield the parts of the page from top to bottom.

    Args:
        days: at least one, the latest last.
        golden: the segment whose share is shown.
        titles: of the segments, in the reader's language; without one, a segment has its name.
    """
    titles = titles or {}
    ratios = [ratios_of(day, golden) for day in days]
    first, last = days[0], days[-1]
    yield Text(f"{first['day']} to {last['day']}, days in {last['timezone']}; money in {last['currency']}")
    yield Text()
    yield _charts(days[-CHART_DAYS:], ratios[-CHART_DAYS:], titles.get(golden, golden))
    yield Text()
    yield _segments_table(last, ratios[-_TREND_DAYS:], titles)
    yield Text()
    yield _days_table(days, ratios, titles.get(golden, golden))


def spark(values: Sequence[Number]) -> str:
    """Return one block per value: the minimum is the lowest block, the maximum the full one."""
    floats = [float(value) for value in values]
    minimum, span = min(floats), max(floats) - min(floats)
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((value - minimum) / span * steps) if span else 0] for value in floats)


def _charts(days: Sequence[Day], ratios: Sequence[DayRatios], golden: str) -> Table:
    table = _table(("", 25), (f"last {len(days)} days", CHART_DAYS), ("min", 13), ("max", 13), ("last", 13))
    table.columns[1].justify = "left"

    def chart(title: str, values: Sequence[Number], write: Callable[[Number], str]) -> None:
        table.add_row(title, spark(values), *map(write, (min(values), max(values), values[-1])))

    chart("net revenue", [money_of(day, "net") for day in days], _money)
    chart("orders", [day.get("orders", 0) for day in days], _count)
    chart("average order value", [Decimal(each.day_average_check) for each in ratios], _money)
    chart("first orders", [each.first_order_share for each in ratios], _percent)
    chart("first orders, of revenue", [each.first_revenue_share for each in ratios], _percent)
    chart("avg. order value, window", [Decimal(each.average_check) for each in ratios], _money)
    chart(f"{golden} customers", [each.golden_share for each in ratios], _percent)
    chart(f"{golden}, of revenue", [each.golden_revenue_share for each in ratios], _percent)
    chart("reachable customers", [each.reachable_share for each in ratios], _percent)
    chart("lapsed", [day.get("lapses", 0) for day in days], _count)
    chart("reactivated", [day.get("returns", 0) for day in days], _count)
    return table


def _segments_table(last: Day, ratios: Sequence[DayRatios], titles: Mapping[str, str]) -> Table:
    """Return the segments at the end of the last day, with the trend of their average order values."""
    trend = f"last {len(ratios)} days"
    shares = ("share", 6), ("", _BAR_WIDTH)
    table = _table(("segment", 13), ("customers", 10), *shares, ("revenue", 7), ("", _BAR_WIDTH), ("order value", 13))
    table.add_column(trend, width=_TREND_DAYS, no_wrap=True)
    for place in (3, 5):
        table.columns[place].justify = "left"
    segments = segments_of(last)
    net = sum(money_of(each, "net") for each in segments.values())
    for name, each in segments.items():
        of_customers, of_revenue = (
            share(each.get("customers", 0), last.get("customers", 0)),
            share(money_of(each, "net"), net),
        )
        checks = [Decimal(day.average_check_by_segment.get(name, 0)) for day in ratios]
        table.add_row(
            Text(titles.get(name, name), overflow="ellipsis"),
            _count(each.get("customers", 0), 10),
            *(_percent(of_customers), _bar(of_customers)),
            *(_percent(of_revenue), _bar(of_revenue)),
            *(_money(checks[-1]), spark(checks)),
        )
    return table


def _days_table(days: Sequence[Day], ratios: Sequence[DayRatios], golden: str) -> Table:
    table = _table(
        ("day", 10),
        ("new", 6),
        ("orders", 7),
        ("first", 6),
        ("net revenue", 12),
        ("avg order", 9),
        ("customers", 9),
        (golden, 6),
        ("rev.", 6),
        ("reach.", 6),
        ("lapsed", 6),
        ("back", 5),
    )
    for day, each in zip(days, ratios, strict=True):
        new = day.get("new", {})
        table.add_row(
            day["day"],
            _count(sum(new.get("signup", {}).values()) + new.get("order", 0) + new.get("other", 0), 6),
            _count(day.get("orders", 0), 7),
            _percent(each.first_order_share),
            _money(money_of(day, "net"), 12),
            _money(Decimal(each.day_average_check), 9),
            _count(day.get("customers", 0), 9),
            *map(_percent, (each.golden_share, each.golden_revenue_share, each.reachable_share)),
            *(_count(day.get(name, 0), 5) for name in ("lapses", "returns")),
        )
    return table


def _table(*columns: tuple[str, int]) -> Table:
    """Return a table without lines: text in the first column, numbers in the others."""
    table = Table(box=None, padding=(0, 0, 0, 1), pad_edge=False)
    for number, (title, width) in enumerate(columns):
        table.add_column(title, width=width, justify="right" if number else "left", no_wrap=True)
    return table


def _bar(part: float) -> str:
    """Return a bar of up to eight blocks for a share; any share above 0 gets at least one."""
    return _FULL * max(round(part * _BAR_WIDTH), int(part > 0))


def _percent(part: Number) -> str:
    return f"{part * 100:.1f}%"


def _count(count: Number, width: int = _COLUMN_WIDTH) -> str:
    """Format a number within a width: in full if that fits, else in thousands, millions and so on."""
    return _first_fitting(width, f"{count:,}", *_scaled(count))


def _money(amount: Number, width: int = _COLUMN_WIDTH) -> str:
    """Format an amount within a width: in full if that fits, then without minor units, then in thousands and so on."""
    return _first_fitting(width, f"{amount:,}", f"{amount:,.0f}", *_scaled(amount))


def _scaled(number: Number) -> Iterator[str]:
    return (f"{float(number) / 1000**power:,.1f}{letter}" for power, letter in enumerate("kMBT", start=1))


def _first_fitting(width: int, *texts: str) -> str:
    return next((text for text in texts if len(text) <= width), texts[-1])
