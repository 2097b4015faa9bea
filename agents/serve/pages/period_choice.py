"""The period that a reader chose: from the address, or the usual one, and the lengths that a page offers."""

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple
from urllib.parse import urlencode

from agents.serve.pages.page_view import PageView
from agents.serve.pages.period import CHOICES, Period, last_days, parse_period
from state.units.timestamps import format_ms
from streams.clock import Clock


class PeriodChoice(NamedTuple):
    """What the form of a period shows.

    Attributes:
        today: the last day that can have figures.
        notice: why the period is not that of the address; empty if it is.
        lengths: days, address, and whether it is the present one.
    """

    period: Period
    today: date
    notice: str
    lengths: list[tuple[int, str, bool]]


def choose_period(
    query: Mapping[str, str], view: PageView, clock: Clock, path: str, longest: int, **others: str | None
) -> PeriodChoice:
    """Return the period of a page's address.

    Args:
        query: the parameters of the address.
        view: of the reader.
        clock: gives the day before the first tick; later it is that of the watermark.
        path: of the page.
        longest: the most days that the page can show.
        others: parameters that the links of lengths keep.
    """
    as_of = None if view.freshness is None else view.freshness.as_of
    today = view.formats.local(as_of or format_ms(clock.wall_ms())).date()
    period, is_read = parse_period(query, today, longest)
    notice = "" if is_read else _notice(view, longest)
    lengths = []
    for days in CHOICES:
        of_length = last_days(today, days)
        lengths.append((days, f"{path}?{urlencode(of_length.query(**others))}", of_length == period))
    return PeriodChoice(period, today, notice, lengths)


def _notice(view: PageView, longest: int) -> str:
    return view.texts.ngettext(
        "The address has no period of at most %(count)s day: these are the last 30 days.",
        "The address has no period of at most %(count)s days: these are the last 30 days.",
        longest,
    ) % {"count": view.formats.number(longest)}
