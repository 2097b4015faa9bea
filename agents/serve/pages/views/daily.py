"""What the page Health shows: each figure with its chart and its change against the preceding period, and a table."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from agents.health.ratios import GOLDEN
from agents.serve.pages.charts.day_chart import DayPoint, day_chart
from agents.serve.pages.page_view import PageView
from agents.serve.pages.period import Period
from agents.serve.pages.views.daily_figures import Figure, figures_of
from agents.serve.pages.words.short_figures import short, short_money, signed

RESTATED: Final = "restated"
"""The field of a day's figures that says that late events have changed them."""
UNKNOWN: Final = "–"
"""A figure that no day has, or for which there is nothing to divide by."""
_STEADY: Final = 0.005
"""A relative change that is not worth a word."""


class Card(NamedTuple):
    """A figure of the period.

    Attributes:
        total: of the period; `before` that of the preceding one.
        change: against the preceding period, in words; empty if it is no number.
        tone: `good`, `bad`, or empty where a change is neither.
    """

    figure: Figure
    title: str
    meaning: str
    total: str
    before: str
    change: str
    tone: str
    chart: Markup

    @property
    def has_before(self) -> bool:
        """Whether the preceding period has the figure."""
        return self.before != UNKNOWN


class DayRow(NamedTuple):
    """A day in the table."""

    day: str
    is_restated: bool
    values: list[str]


class SeriesRow(NamedTuple):
    """A day of one figure, and the same day of the preceding period; figures as numbers for a script, and in words."""

    day: str
    day_before: str
    value: float | None
    before: float | None
    text: str
    text_before: str
    is_restated: bool


class DailyView:
    """The figures of a period and of the preceding one, in a reader's language.

    Attributes:
        has_figures: whether any day of the period has figures; `has_before` likewise of the preceding one.
        has_restated: whether late events have changed a day of the period.
        is_open: whether the last day of the period is not over.
        currency: of sums.
    """

    def __init__(self, days: Mapping[str, Mapping[str, Any]], period: Period, currency: str, view: PageView) -> None:
        """Take the days of both periods by date; a day that is missing has no figures."""
        self._view = view
        self.currency = currency
        self._period = period
        self._now = [days.get(day, {}) for day in period.each_day()]
        self._before = [days.get(day, {}) for day in period.preceding.each_day()]
        golden = GOLDEN if view.policy is None else view.policy.golden
        self._golden = view.segments.title(golden)
        self._figures = figures_of(golden)
        self._values = {
            figure.key: [
                (figure.of([now]), figure.of([before])) for now, before in zip(self._now, self._before, strict=True)
            ]
            for figure in self._figures
        }
        self.has_figures = any(self._now)
        self.has_before = any(self._before)
        self.has_restated = any(day.get(RESTATED) for day in self._now)
        self.is_open = str(period.last) == view.today
        self.cards = [self._card(figure) for figure in self._figures]

    @property
    def titles(self) -> list[str]:
        """The heads of the table's columns."""
        return [card.title for card in self.cards]

    @property
    def rows(self) -> list[DayRow]:
        """The days that have figures, the latest first."""
        rows = [
            DayRow(
                day,
                bool(figures.get(RESTATED)),
                [self._full(each, self._values[each.key][place][0]) for each in self._figures],
            )
            for place, (day, figures) in enumerate(zip(self._period.each_day(), self._now, strict=True))
            if figures
        ]
        return rows[::-1]

    def series(self, figure: Figure) -> list[SeriesRow]:
        """Return all days of one figure, in order."""
        days = zip(self._period.each_day(), self._period.preceding.each_day(), self._values[figure.key], strict=True)
        return [
            SeriesRow(
                *(day, day_before, value, before, self._full(figure, value), self._full(figure, before)),
                bool(self._now[place].get(RESTATED)),
            )
            for place, (day, day_before, (value, before)) in enumerate(days)
        ]

    def _card(self, figure: Figure) -> Card:
        texts = self._view.texts
        total, before = figure.of(self._now), figure.of(self._before)
        change, tone = self._change(figure, total, before)
        values = {"golden": self._golden, "window": self._view.window}
        title = texts.gettext(figure.title) % values
        return Card(
            figure,
            title,
            texts.gettext(figure.meaning) % values,
            self._full(figure, total),
            self._full(figure, before),
            change,
            tone,
            self._chart(figure, title, self._full(figure, total), change),
        )

    def _chart(self, figure: Figure, title: str, total: str, change: str) -> Markup:
        texts, period = self._view.texts, self._period
        points = []
        for row in self.series(figure):
            label = f"{self._view.formats.short_day(row.day)}: {row.text}"
            if row.before is not None:
                label += " " + texts.gettext("(before: %(figure)s)") % {"figure": row.text_before}
            points.append(DayPoint(row.value, row.before, label, row.is_restated))
        return day_chart(
            points,
            ends=(self._view.formats.short_day(str(period.first)), self._view.formats.short_day(str(period.last))),
            write=lambda value: self._short(figure, value),
            is_open=self.is_open,
            title=texts.gettext("%(figure)s by day") % {"figure": title},
            description=f"{title}: {total}. {change}",
        )

    def _change(self, figure: Figure, total: float | None, before: float | None) -> tuple[str, str]:
        """Return the change in words, and its tone: of shares in points, of other figures in percent."""
        texts, formats = self._view.texts, self._view.formats
        if total is None or before is None:
            return "", ""
        if not before and figure.kind != "share":
            return "" if total else texts.gettext("unchanged"), ""
        difference = total - before if figure.kind == "share" else (total - before) / abs(before)
        if figure.kind == "share":
            points = difference * 100
            is_steady = abs(points) < 0.05
            text = texts.gettext("%(points)s points") % {"points": signed(formats.number(f"{points:.1f}"), points)}
        else:
            is_steady = abs(difference) < _STEADY
            text = signed(formats.share(difference), difference)
        if is_steady:
            return texts.gettext("unchanged"), ""
        better = figure.better * difference
        return text, "good" if better > 0 else "bad" if better < 0 else ""

    def _full(self, figure: Figure, value: float | None) -> str:
        formats = self._view.formats
        if value is None:
            return UNKNOWN
        if figure.kind == "share":
            return formats.share(value)
        if figure.kind == "money":
            return formats.money(f"{value:.0f}" if abs(value) >= 1000 else f"{value:.2f}", self.currency)
        return formats.number(f"{value:.0f}")

    def _short(self, figure: Figure, value: float) -> str:
        if figure.kind == "share":
            return self._view.formats.share(value)
        if figure.kind == "money":
            return short_money(value, self.currency, self._view.formats)
        return short(value, self._view.formats)
