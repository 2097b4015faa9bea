"""A column of numbers or dates in any style is read exactly or asked about, and never read as other values."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import NamedTuple

from babel.dates import format_date
from hypothesis import example, given
from hypothesis import strategies as st

from agents.importing.columns.column_value import CellError, ColumnValue
from agents.importing.columns.currencies import read_currency
from agents.importing.columns.currency_decision import decide_currencies
from agents.importing.columns.dates.decision import DateFormat, decide_dates, is_time_of_day, moment_ms, parse_moment
from agents.importing.columns.dates.month_names import LANGUAGES
from agents.importing.columns.flags import read_flag
from agents.importing.columns.numbers.decision import NumberFormat, decide_numbers, parse_number
from agents.importing.columns.zones import read_zone

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
SPACES = (" ", "\u00a0", "\u202f", "\u2009")


def column(texts: list[str]) -> list[ColumnValue]:
    return [ColumnValue(text, 1, line) for line, text in enumerate(texts, start=2)]


class NumberStyle(NamedTuple):
    """How someone writes amounts."""

    grouping: str
    decimal: str
    indian: bool
    digits: int
    stripped: bool
    negative: str
    affix: str

    def write(self, number: Decimal) -> str:
        """Return a number in this style."""
        whole, _, fraction = f"{abs(number):.{self.digits}f}".partition(".")
        if self.stripped:
            fraction = fraction.rstrip("0")
        groups = [whole[-3:]]
        rest = whole[:-3]
        size = 2 if self.indian else 3
        while rest:
            groups.insert(0, rest[-size:])
            rest = rest[:-size]
        text = self.grouping.join(groups) + (self.decimal + fraction if fraction else "")
        text = self.affix.format(text)
        return self.negative.format(text) if number < 0 else text


number_styles = st.builds(
    NumberStyle,
    st.sampled_from(["", ".", ",", "'", "’", *SPACES]),
    st.sampled_from([".", ","]),
    st.booleans(),
    st.integers(0, 4),
    st.booleans(),
    st.sampled_from(["-{}", "−{}", "{}-", "({})", "- {}"]),
    st.sampled_from(["{}", "${}", "{} €", "R$ {}", "{} руб.", "USD {}", "{} Kč", "₹{}", "{}р.", "\u200e£{}"]),
).filter(lambda style: style.grouping != style.decimal and (style.grouping == "," or not style.indian))


@given(st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=12), number_styles)
@example([12500, 250], NumberStyle(".", ",", False, 0, False, "-{}", "{}"))
@example([1500, 19900], NumberStyle("", ".", False, 3, True, "-{}", "{}"))
def test_amounts_in_any_style_are_read_exactly_or_asked_about(units: list[int], style: NumberStyle) -> None:
    """With the decimal sign of the style as the answer, they are read exactly too."""
    numbers = [Decimal(unit).scaleb(-style.digits) for unit in units]
    texts = [style.write(number) for number in numbers]
    decision = decide_numbers(column(texts), "amount")
    assert decision.unreadable == []
    if decision.format is not None:
        assert [parse_number(text, decision.format) for text in texts] == numbers
    else:
        assert decision.question is not None
        assert style.decimal in [choice.value for choice in decision.question.choices]
    answered = decide_numbers(column(texts), "amount", decimal=style.decimal)
    assert answered.format is not None
    assert [parse_number(text, answered.format) for text in texts] == numbers


@given(st.from_regex(r"[-(]?[$€]? ?[0-9]{0,4}([ '.,][0-9]{1,4}){0,3}[.,]?( ?[€%]|-|\))?", fullmatch=True))
def test_a_number_is_never_a_thousandth_of_what_it_says(text: str) -> None:
    """A separator that is not before three digits is the decimal sign, or the text is no number."""
    digits = re.sub(r"[^0-9]", "", text)
    behind = re.search(r"[.,]([0-9]*)[^0-9.,]*$", text)
    places = len(behind[1]) if behind else 0
    for number_format in (NumberFormat(None), NumberFormat("."), NumberFormat(",")):
        try:
            number = abs(parse_number(text, number_format))
        except CellError:
            continue
        exact = Decimal(int(digits)).scaleb(-places)
        assert number == exact or (places == 3 and number == int(digits))
        if number_format.decimal is None and re.fullmatch(r"[^0-9]*[1-9][0-9]{0,2}[.,][0-9]{3}[^0-9]*", text):
            raise AssertionError(f"{text} is two numbers")


class DateStyle(NamedTuple):
    """How someone writes dates."""

    order: str
    separator: str
    short_year: bool
    padded: bool
    clock: str

    def write(self, moment: datetime) -> str:
        """Return a moment in this style."""
        year = f"{moment.year % 100:02}" if self.short_year else str(moment.year)
        day, month = (f"{part:02}" if self.padded else str(part) for part in (moment.day, moment.month))
        parts = {"y": year, "m": month, "d": day}
        return self.separator.join(parts[part] for part in self.order) + moment.strftime(self.clock)


def is_written(style: DateStyle) -> bool:
    """Return whether people write so, and it is not read differently by convention: points have the day first."""
    if style.separator == "." and style.order != "dmy":
        return style.order == "ymd" and not style.short_year
    return style.order != "ymd" or style.padded or not style.short_year


date_styles = st.builds(
    DateStyle,
    st.sampled_from(["dmy", "mdy", "ymd"]),
    st.sampled_from(["/", "-", "."]),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["", " %H:%M", " %H:%M:%S", ", %I:%M %p", "T%H:%M:%S"]),
).filter(is_written)

# A column of two-digit years whose dates span more than 20 years in one order is taken for one in another order.
histories = st.integers(0, 50).flatmap(
    lambda first: st.lists(
        st.datetimes(EPOCH.replace(year=1971 + first), EPOCH.replace(year=1986 + first)), min_size=1, max_size=12
    )
)
FORMS = {"dmy": "day_first", "mdy": "month_first", "ymd": "year_first"}


@given(histories, date_styles)
def test_dates_in_any_order_are_read_exactly_or_asked_about(moments: list[datetime], style: DateStyle) -> None:
    """With the order of the style as the answer, they are read exactly too."""
    written = {"": 1440, " %H:%M": 1, ", %I:%M %p": 1}.get(style.clock)
    step = timedelta(minutes=written) if written else timedelta(seconds=1)
    moments = [EPOCH + (moment - EPOCH) // step * step for moment in moments]
    texts = [style.write(moment) for moment in moments]
    decision = decide_dates(column(texts), "occurred_at")
    assert decision.unreadable == []
    form = FORMS[style.order]
    if decision.format is not None:
        assert [parse_moment(text, decision.format) for text in texts] == moments
    else:
        assert decision.question is not None
        assert form in [choice.value for choice in decision.question.choices]
    answered = decide_dates(column(texts), "occurred_at", time_format=form)
    assert answered.format is not None
    assert [parse_moment(text, answered.format) for text in texts] == moments


@given(
    st.lists(st.dates(date(1971, 1, 1), date(2190, 1, 1)), min_size=1, max_size=5),
    st.sampled_from(LANGUAGES),
    st.sampled_from(["d MMMM y", "d. MMMM y", "d MMM y", "MMMM d, y", "y MMMM d", "EEEE, d MMMM y", "d LLLL y"]),
)
def test_dates_with_names_of_months_are_read_or_asked_about(days: list[date], language: str, pattern: str) -> None:
    """In every language, in both forms of the name, with and without the day of the week."""
    texts = [format_date(day, pattern, locale=language) for day in days]
    decision = decide_dates(column(texts), "occurred_at")
    assert decision.unreadable == []
    date_format = decision.format or DateFormat(f"months_{language}")
    assert [parse_moment(text, date_format).date() for text in texts] == days


@given(st.datetimes(EPOCH.replace(year=2002), EPOCH.replace(year=2190)), st.sampled_from([0, 3, 6, 9]))
def test_unix_time_is_recognized_by_its_size(moment: datetime, power: int) -> None:
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    text = str(((moment - EPOCH) // timedelta(microseconds=1)) * 1000 // 10 ** (9 - power))
    expected = moment.replace(microsecond=0) if power == 0 else moment
    assert parse_moment(text, DateFormat()) == expected.replace(tzinfo=UTC)


any_text = st.one_of(
    st.text(max_size=30),
    st.text("0123456789.,'-+/: TZ年月日%$€()eE", max_size=30),
    st.text("0123456789./: maybjunPMUTC", max_size=20),
)


def count_errors(texts: list[str], read: Callable[[str], object]) -> int:
    """Return how many texts are errors; anything but a `CellError` passes through."""
    errors = 0
    for text in texts:
        try:
            read(text)
        except CellError:
            errors += 1
    return errors


@given(
    st.lists(any_text, max_size=6), st.sampled_from(["", "%d.%m.%Y %H:%M", "%Y%j", "unix_ms", "serial", "day_first"])
)
def test_any_text_is_a_value_or_a_cell_error(texts: list[str], time_format: str) -> None:
    """Nothing else is raised, and a decision counts as unreadable what cannot be read."""
    for read in (read_flag, read_zone, read_currency, is_time_of_day):
        assert count_errors(texts, read) == 0
    decide_currencies(column(texts))
    for number_format in (NumberFormat(None), NumberFormat(","), NumberFormat(".", typed=True, rate=True)):
        count_errors(texts, partial(parse_number, number_format=number_format))
    count_errors(texts, partial(moment_ms, date_format=DateFormat(time_format), zone=UTC))
    numbers = decide_numbers(column(texts), "amount")
    if numbers.format is not None and not numbers.percent:
        errors = count_errors(texts, partial(parse_number, number_format=numbers.format))
        assert errors == numbers.unreadable_cells + numbers.missing_cells
    dates = decide_dates(column(texts), "occurred_at", time_format=time_format)
    if dates.format is not None:
        errors = count_errors(texts, partial(parse_moment, date_format=dates.format))
        assert errors == dates.unreadable_cells + dates.missing_cells
