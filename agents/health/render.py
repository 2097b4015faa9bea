"""The health of the base drawn for a terminal: charts, segments, and a line for each day, at most 100 columns wide."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agents.health.figures import Figures, figures_of, money_of, segments_of, share

CHARTED: Final = 30
"""Days in a chart, at most: the last ones. The table has all."""

_BLOCKS: Final = "▁▂▃▄▅▆▇█"
_FULL: Final = _BLOCKS[-1]
_BAR: Final = 8
_TREND: Final = 26
_WIDE: Final = 13

Figure = int | float | Decimal
Day = Mapping[str, Any]


def health_blocks(days: Sequence[Day]) -> Iterator[RenderableType]:
    """The days from top to bottom, the latest last; there must be one."""
    figures = [figures_of(day) for day in days]
    first, last = days[0], days[-1]
    yield Text(f"{first['day']} to {last['day']}, days in {last['timezone']}; money in {last['currency']}")
    yield Text()
    yield _charts(days[-CHARTED:], figures[-CHARTED:])
    yield Text()
    yield _segments(last, figures[-_TREND:])
    yield Text()
    yield _days(days, figures)


def spark(values: Sequence[Figure]) -> str:
    """A column for each value: the least is the lowest block, the greatest the full one."""
    floats = [float(value) for value in values]
    least, span = min(floats), max(floats) - min(floats)
    steps = len(_BLOCKS) - 1
    return "".join(_BLOCKS[round((value - least) / span * steps) if span else 0] for value in floats)


def _charts(days: Sequence[Day], figures: Sequence[Figures]) -> Table:
    table = _table(("", 25), (f"last {len(days)} days", CHARTED), ("least", 13), ("greatest", 13), ("last", 13))
    table.columns[1].justify = "left"

    def chart(title: str, values: Sequence[Figure], write: Callable[[Figure], str]) -> None:
        table.add_row(title, spark(values), *map(write, (min(values), max(values), values[-1])))

    chart("net revenue", [money_of(day, "net") for day in days], _money)
    chart("orders", [day.get("orders", 0) for day in days], _count)
    chart("check of the day", [Decimal(each.check) for each in figures], _money)
    chart("first orders", [each.first_order_share for each in figures], _percent)
    chart("first orders, of revenue", [each.first_revenue_share for each in figures], _percent)
    chart("average check, window", [Decimal(each.average_check) for each in figures], _money)
    chart("golden customers", [each.golden_share for each in figures], _percent)
    chart("golden, of revenue", [each.golden_revenue_share for each in figures], _percent)
    chart("reachable customers", [each.reachable_share for each in figures], _percent)
    chart("lapses", [day.get("lapses", 0) for day in days], _count)
    chart("returns", [day.get("returns", 0) for day in days], _count)
    return table


def _segments(last: Day, figures: Sequence[Figures]) -> Table:
    """The base at the end of the last day, and how the average check of each segment came there."""
    trend = f"last {len(figures)} days"
    shares = ("share", 6), ("", _BAR)
    table = _table(("segment", 13), ("customers", 10), *shares, ("revenue", 7), ("", _BAR), ("average check", 13))
    table.add_column(trend, width=_TREND, no_wrap=True)
    for place in (3, 5):
        table.columns[place].justify = "left"
    segments = segments_of(last)
    net = sum(money_of(each, "net") for each in segments.values())
    for name, each in segments.items():
        of_customers, of_revenue = (
            share(each.get("customers", 0), last.get("customers", 0)),
            share(money_of(each, "net"), net),
        )
        checks = [Decimal(day.average_check_by_segment.get(name, 0)) for day in figures]
        table.add_row(
            Text(name, overflow="ellipsis"),
            _count(each.get("customers", 0), 10),
            *(_percent(of_customers), _bar(of_customers)),
            *(_percent(of_revenue), _bar(of_revenue)),
            *(_money(checks[-1]), spark(checks)),
        )
    return table


def _days(days: Sequence[Day], figures: Sequence[Figures]) -> Table:
    table = _table(
        ("day", 10),
        ("new", 6),
        ("orders", 7),
        ("first", 6),
        ("net revenue", 12),
        ("check", 9),
        ("customers", 9),
        ("golden", 6),
        ("rev.", 6),
        ("reach.", 6),
        ("lapsed", 6),
        ("back", 5),
    )
    for day, each in zip(days, figures, strict=True):
        new = day.get("new", {})
        table.add_row(
            day["day"],
            _count(sum(new.get("signup", {}).values()) + new.get("order", 0) + new.get("other", 0), 6),
            _count(day.get("orders", 0), 7),
            _percent(each.first_order_share),
            _money(money_of(day, "net"), 12),
            _money(Decimal(each.check), 9),
            _count(day.get("customers", 0), 9),
            *map(_percent, (each.golden_share, each.golden_revenue_share, each.reachable_share)),
            *(_count(day.get(name, 0), 5) for name in ("lapses", "returns")),
        )
    return table


def _table(*columns: tuple[str, int]) -> Table:
    """A table without lines: the first column is words, the others are numbers."""
    table = Table(box=None, padding=(0, 0, 0, 1), pad_edge=False)
    for number, (title, width) in enumerate(columns):
        table.add_column(title, width=width, justify="right" if number else "left", no_wrap=True)
    return table


def _bar(part: float) -> str:
    """A bar of eight places for a share; what is there at all shows."""
    return _FULL * max(round(part * _BAR), int(part > 0))


def _percent(part: Figure) -> str:
    return f"{part * 100:.1f}%"


def _count(count: Figure, width: int = _WIDE) -> str:
    """A number in so many places: in full if that fits, else in thousands, millions and so on."""
    return _first_that_fits(width, f"{count:,}", *_scaled(count))


def _money(amount: Figure, width: int = _WIDE) -> str:
    """A sum in so many places: in full if that fits, then without minor units, then in thousands and so on."""
    return _first_that_fits(width, f"{amount:,}", f"{amount:,.0f}", *_scaled(amount))


def _scaled(number: Figure) -> Iterator[str]:
    return (f"{float(number) / 1000**power:,.1f}{letter}" for power, letter in enumerate("kMBT", start=1))


def _first_that_fits(width: int, *texts: str) -> str:
    return next((text for text in texts if len(text) <= width), texts[-1])
