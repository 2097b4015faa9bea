"""What the dates of a column show about the order of day, month and year, and the language of months' names.

A group is all texts among which one proves the reading of another, such as all dates with slashes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from agents.importing.columns.column_value import CellError, ColumnValue, example, keep_first
from agents.importing.columns.dates.grammar import (
    COMPACT,
    DAY_FIRST,
    DIGITS,
    MONTH_FIRST,
    MONTHS,
    YEAR_FIRST,
    read_date,
)
from agents.importing.columns.dates.shape import LocalTime, MomentShape
from agents.importing.findings import Choice, Question
from state.units.timestamps import DAY_MS

CONVENTIONS: Final = {".": DAY_FIRST, DIGITS: COMPACT}
"""Group to the form that it has everywhere, unless a text of the column does not allow it."""

_WORDS: Final = {
    DAY_FIRST: "the day first",
    MONTH_FIRST: "the month first",
    YEAR_FIRST: "the year first",
    COMPACT: "year, month, day, hour and minute",
    "unix_ms": "milliseconds since 1970",
}
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - a local time
_TWO_NUMBERS: Final = re.compile(r"([0-9]{1,2})[-/.] ?([0-9]{1,2})[-/.]", re.ASCII)
_LONG_HISTORY: Final = 20
_USUAL_HISTORY: Final = 10

_Style = tuple[str, str]
"""How the first two numbers of a date are written: `0` with a leading zero, `1` as one digit, `2` if neither shows."""


class GroupEvidence:
    """What the texts of one group show."""

    def __init__(self, group: str) -> None:
        self.group = group
        self.proofs: dict[str, ColumnValue] = {}
        self.cells: Counter[str] = Counter()
        self._excluded: dict[tuple[str, _Style], ColumnValue] = {}
        self._doubtful: dict[_Style, set[str]] = {}
        self._examples: dict[_Style, ColumnValue] = {}
        self._years: dict[str, tuple[int, int]] = {}
        self._seen: dict[tuple[object, ...], int] = {}

    def add(self, value: ColumnValue, forms: Iterable[str], readings: Mapping[str, LocalTime]) -> None:
        """Add a text that has at least one reading.

        Args:
            value: The text.
            forms: All forms that texts of its shape can have.
            readings: The readings that this text allows, by form.
        """
        if len(readings) == 1:
            self.cells.update(dict.fromkeys(readings, value.count))
        # Texts of the same day prove the same, whatever the time: a column has few days.
        same = (value.text[:6], *(reading.ms // DAY_MS for reading in readings.values()))
        if self._seen.get(same, value.first_line) < value.first_line:
            return
        self._seen[same] = value.first_line
        style = _style(value.text)
        for form in (*forms, YEAR_FIRST):  # a date such as 1/2/24 cannot have the year first
            if form not in readings:
                keep_first(self._excluded, (form, style), value)
        for form, reading in readings.items():
            year = (_EPOCH + timedelta(milliseconds=reading.ms)).year
            first, last = self._years.get(form, (year, year))
            self._years[form] = min(first, year), max(last, year)
        if len(readings) == 1:
            (form,) = readings
            keep_first(self.proofs, form, value)
        elif len(set(readings.values())) > 1:
            self._doubtful[style] = self._doubtful.get(style, set(readings)) & set(readings)
            keep_first(self._examples, style, value)

    @property
    def doubtful(self) -> ColumnValue | None:
        """The first text that has several readings, if possible one that no other decides; None: there is none."""
        undecided = [self._examples[style] for style, forms in self._fitting_forms().items() if len(forms) != 1]
        return min(undecided or self._examples.values(), key=lambda value: value.first_line, default=None)

    def possible_forms(self) -> set[str]:
        """Return the forms that all doubtful texts can have, without those that others exclude.

        If they contradict each other, all forms that any of them can have.
        """
        fitting = self._fitting_forms()
        if all(fitting.values()):
            return self._without_long_history(set[str]().union(*fitting.values()))
        return self._doubtful_forms()

    def _fitting_forms(self) -> dict[_Style, set[str]]:
        """Return the forms that doubtful texts written in a style can have, without those that other texts exclude.

        A text excludes a form only for texts written alike: where a spreadsheet has converted some dates of a column
        and left others, `13/01/2024` shows nothing about `1/4/2024`.
        """
        in_all = set.intersection(*self._doubtful.values()) if self._doubtful else set[str]()
        return {style: {form for form in in_all if not self._is_excluded(form, style)} for style in self._doubtful}

    def _doubtful_forms(self) -> set[str]:
        return set[str]().union(*self._doubtful.values())

    def form(self) -> str | None:
        """Return the form that the group has; None: that is not certain."""
        possible = self.possible_forms()
        if len(possible) == 1:
            return possible.pop()
        usual = CONVENTIONS.get(self.group)
        return usual if usual in possible and all(self._fitting_forms().values()) else None

    @property
    def is_proved(self) -> bool:
        """Whether texts of the column leave just one form."""
        return len(self.possible_forms()) == 1

    def proved_form(self) -> str | None:
        """Return the form that texts of the column prove; None: none, or several."""
        if self.doubtful:
            return self.form() if self.is_proved else None
        return next(iter(self.proofs)) if len(self.proofs) == 1 else None

    def allows(self, form: str) -> bool:
        """Return whether no text of the column contradicts a form."""
        return form in self.possible_forms() and self.proofs.keys() <= {form}

    def reason(self, form: str | None) -> str:
        """Return why the group has a form, or several, in words."""
        if form is None:
            proofs = [f"{example(value)} can only have {_WORDS[form]}" for form, value in sorted(self.proofs.items())]
            return "; ".join([*proofs, "each of these is read so"])
        excluded: dict[str, ColumnValue] = {}
        for (other, _), value in self._excluded.items():
            if other != form and other in self._doubtful_forms():
                keep_first(excluded, other, value)
        found = [f"{example(value)} cannot have {_WORDS[other]}" for other, value in sorted(excluded.items())]
        found += [
            f"with {_WORDS[other]} the dates would be of {first} to {last}"
            for other, (first, last) in sorted(self._years.items())
            if other not in (form, *excluded) and last - first > _LONG_HISTORY
        ]
        if not found:
            found = [f"dates with points have {_WORDS[form]}" if self.group == "." else f"they fit {_WORDS[form]}"]
        return "; ".join([*found, *self.shown(form)])

    def shown(self, form: str) -> list[str]:
        """Return the first doubtful text with its reading in one form."""
        value = self.doubtful
        return [] if value is None else [f"line {value.first_line}: {show(value.text, form)}"]

    def _is_excluded(self, form: str, style: _Style) -> bool:
        return any(
            form == excluded and all({one, other} != {"0", "1"} for one, other in zip(style, of, strict=True))
            for excluded, of in self._excluded
        )

    def _without_long_history(self, forms: set[str]) -> set[str]:
        """Leave out a form in which a column of two-digit years would be of many more years than in another."""
        lengths = {form: self._years[form][1] - self._years[form][0] for form in forms}
        if YEAR_FIRST not in forms or min(lengths.values(), default=0) > _USUAL_HISTORY:
            return forms
        return {form for form in forms if lengths[form] <= _LONG_HISTORY}


def form_in_words(form: str) -> str:
    """Return a form in words."""
    return _WORDS.get(form, form)


def show(text: str, form: str) -> str:
    """Return a text and the moment that it is in one form: `05/06/2025 -> 2025-06-05`."""
    for shape in read_date(text):
        if shape.form == form:
            return f"{text} -> {format_local(shape.read(text), has_clock=shape.has_clock)}"
    raise CellError(f"cannot be {form}: got {text}")


def format_local(reading: LocalTime, *, has_clock: bool) -> str:
    """Return a local time as ISO 8601, with its zone if it has one."""
    shown = _EPOCH + timedelta(milliseconds=reading.ms)
    if not has_clock:
        return f"{shown:%Y-%m-%d}"
    zone = "" if reading.zone is None else "Z" if reading.zone == "UTC" else f" {reading.zone}"
    return shown.isoformat(" ", "milliseconds" if reading.ms % 1000 else "seconds") + zone


def _style(text: str) -> _Style:
    match = _TWO_NUMBERS.search(text)
    if match is None:
        return ("2", "2")
    first, second = ("1" if len(number) == 1 else "0" if number[0] == "0" else "2" for number in match.groups())
    return first, second


class LanguageEvidence:
    """What the names of months show about their language, where one name means two months."""

    def __init__(self) -> None:
        self._languages: dict[frozenset[str], ColumnValue] = {}
        self._doubtful: dict[frozenset[frozenset[str]], ColumnValue] = {}

    def add(self, value: ColumnValue, shapes: Sequence[MomentShape]) -> None:
        """Add a text, with the ways to read it."""
        if not shapes[0].languages:
            return
        keep_first(self._languages, frozenset[str]().union(*(shape.languages for shape in shapes)), value)
        if shapes[0].group == MONTHS:
            keep_first(self._doubtful, frozenset(shape.languages for shape in shapes), value)

    @property
    def is_doubtful(self) -> bool:
        """Whether the name of a month has two meanings."""
        return bool(self._doubtful)

    def form(self) -> str | None:
        """Return the form for the language in which the column has all names; None: that leaves two meanings."""
        possible = frozenset.intersection(*self._languages) if self._languages else frozenset()
        for meanings in self._doubtful:
            if sum(not possible.isdisjoint(languages) for languages in meanings) != 1:
                return None
        return f"{MONTHS}_{min(possible)}" if self._doubtful else None

    def reason(self, form: str) -> str:
        """Return why the names are in a language, in words."""
        proof = min(self._languages, key=len)
        return f"{example(self._languages[proof])} is in {', '.join(sorted(proof))}; {self._shown(form)}"

    def question(self, subject: str) -> Question:
        """Return the question in which language the names are."""
        (value, *_) = sorted(self._doubtful.values(), key=lambda value: value.first_line)
        forms = sorted({f"{MONTHS}_{min(languages)}" for meanings in self._doubtful for languages in meanings})
        return Question(
            f"{subject}.language",
            f"In which language are the months of {subject}? {example(value)}",
            "time_format",
            tuple(Choice(form, self._shown(form)) for form in forms),
            " or ".join(f"--time-format {form}" for form in forms),
        )

    def _shown(self, form: str) -> str:
        language = form.removeprefix(f"{MONTHS}_")
        value = min(self._doubtful.values(), key=lambda value: value.first_line)
        for shape in read_date(value.text):
            if language in shape.languages:
                return f"line {value.first_line}: {show(value.text, shape.form)}"
        return form
