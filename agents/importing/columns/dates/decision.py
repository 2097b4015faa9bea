"""Decide how the dates and times of a column are written.

Whether the day or the month comes first is decided for the column as a whole: `10/19/2019` in one line proves what
`11/08/2018` means in another. Without proof nothing is guessed. Dates with points have the day first everywhere, so
they need no proof; they are read the other way only if a date of the column allows no other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from agents.importing.columns.column_value import (
    MAX_UNREADABLE,
    CellError,
    ColumnValue,
    FirstValues,
    MissingCell,
    example,
    keep_first,
)
from agents.importing.columns.dates.evidence import GroupEvidence, LanguageEvidence, show
from agents.importing.columns.dates.format import (
    NAMED_FORMATS,
    DateFormat,
    DateParser,
    date_parser,
    moment_ms,
    parse_moment,
)
from agents.importing.columns.dates.grammar import MONTHS, is_time_of_day
from agents.importing.columns.dates.questions import order_question, unit_question
from agents.importing.columns.dates.shape import LocalTime, MomentShape
from agents.importing.columns.dates.unix_times import other_unit
from agents.importing.columns.zones import ambiguous_zones
from agents.importing.findings import Assumption, Question

__all__ = [
    "NAMED_FORMATS",
    "DateDecision",
    "DateFormat",
    "DateParser",
    "date_parser",
    "decide_dates",
    "is_time_of_day",
    "moment_ms",
    "parse_moment",
]
_FORMAT_OPTION: Final = "--time-format"
_UNAMBIGUOUS_ZONES: Final = frozenset({"utc", "gmt", "z"})


@dataclass(slots=True)
class DateDecision:
    """What was found out about a column of moments.

    Attributes:
        format: None while `question` is not answered.
        assumptions: what was decided, with the evidence.
        question: what the column does not decide.
        unreadable: the first ten texts that are no moments.
        unreadable_cells: the number of their cells, as far as the column was read (see `MAX_UNREADABLE`).
        missing_cells: cells that stand for the absence of a value, such as `-` and `0000-00-00`.
        has_offset: whether the texts have time zones or are Unix time; the others need a zone from elsewhere.
        has_time: whether some texts have a time of day.
        zone_names: the abbreviations of time zones in the texts, in capitals, with the first text of each.
        proved: group of texts, such as `/` for dates with slashes, and the form that texts of this column prove; they
            decide other columns of the file (`elsewhere`).
    """

    format: DateFormat | None = None
    assumptions: list[Assumption] = field(default_factory=list)
    question: Question | None = None
    unreadable: list[ColumnValue] = field(default_factory=list)
    unreadable_cells: int = 0
    missing_cells: int = 0
    has_offset: Literal["all", "some", "none"] = "none"
    has_time: bool = False
    zone_names: dict[str, ColumnValue] = field(default_factory=dict)
    proved: dict[str, str] = field(default_factory=dict)


def decide_dates(
    values: Iterable[ColumnValue],
    subject: str,
    *,
    time_format: str | None = None,
    elsewhere: Mapping[str, str] = MappingProxyType({}),
) -> DateDecision:
    """Decide how the moments of a column are written.

    Args:
        values: All texts of the column, or one for each shape (digits as 9) with the same first and second numbers.
        subject: The field, such as `occurred_at`; it names the findings.
        time_format: The form, if it is known: one of `NAMED_FORMATS`, `months_hr` and the like, or of `strptime`.
        elsewhere: What other columns of the file prove (their `proved`). It decides here if nothing in this column says
            otherwise.
    """
    column = _Column(DateFormat(time_format or ""))
    for value in values:
        column.add(value)
        if column.is_hopeless:
            break
    return column.decision(subject, elsewhere)


class _Column:
    """What the values of a column show."""

    def __init__(self, given: DateFormat) -> None:
        self._given = given
        self._parser = DateParser(given)
        self._groups: dict[str, GroupEvidence] = {}
        self._languages = LanguageEvidence()
        self._numbers: dict[str, ColumnValue] = {}
        self._zones: dict[str, tuple[str, ColumnValue]] = {}
        self._zone_names: dict[str, ColumnValue] = {}
        self._other_units: Counter[str] = Counter()
        self._unreadable = FirstValues()
        self._missing = 0
        self._cells = 0
        self._cells_with_zone = 0
        self._has_time = False

    def add(self, value: ColumnValue) -> None:
        try:
            shapes = self._parser.find(value.text)
            readings = _readings(shapes, value.text)
        except MissingCell:
            self._missing += value.count
            return
        except CellError:
            self._unreadable.add(value)
            self._other_units[other_unit(value.text, self._given.time_format) or ""] += 1
            return
        first = next(shape for shape in shapes if shape.form in readings)
        self._count(value, first, readings[first.form])
        group = shapes[0].group
        self._languages.add(value, shapes)
        if group == MONTHS or self._given.form_of(group):
            return
        if group:
            forms = [shape.form for shape in shapes]
            self._groups.setdefault(group, GroupEvidence(group)).add(value, forms, readings)
        elif shapes[0].form and not self._given.time_format:
            keep_first(self._numbers, shapes[0].form, value)

    @property
    def is_hopeless(self) -> bool:
        """Whether so many texts are no moments, and none is one, that the column is no column of moments."""
        return self._unreadable.texts >= MAX_UNREADABLE and not self._cells

    def _count(self, value: ColumnValue, shape: MomentShape, reading: LocalTime) -> None:
        self._cells += value.count
        self._has_time |= shape.has_clock
        if shape.has_zone:
            self._cells_with_zone += value.count
            text = shape.zone_text(value.text)
            if text.isalpha() and reading.zone:
                keep_first(self._zone_names, text.upper(), value)
                if text.lower() not in _UNAMBIGUOUS_ZONES and text.upper() not in ambiguous_zones():
                    self._zones.setdefault(text.upper(), (reading.zone, value))

    def decision(self, subject: str, elsewhere: Mapping[str, str]) -> DateDecision:
        decision = DateDecision(
            unreadable=self._unreadable.values,
            unreadable_cells=self._unreadable.cells,
            missing_cells=self._missing,
            has_offset="none"
            if not self._cells_with_zone
            else "all"
            if self._cells_with_zone == self._cells
            else "some",
            has_time=self._has_time,
            zone_names=self._zone_names,
            proved={group: form for group, evidence in self._groups.items() if (form := evidence.proved_form())},
        )
        forms: dict[str, str] = {}
        undecided: list[GroupEvidence] = []
        for group, evidence in sorted(self._groups.items()):
            if evidence.doubtful is None and len(evidence.proofs) < 2:
                continue
            form, reason = evidence.form(), ""
            other = elsewhere.get(group)
            if evidence.doubtful and other and not evidence.is_proved and evidence.allows(other):
                form, reason = other, "; ".join(["as in other columns", *evidence.shown(other)])
            if evidence.doubtful and form is None:
                undecided.append(evidence)
                continue
            if form:
                forms[group] = form
            reason = reason or evidence.reason(form)
            decision.assumptions.append(Assumption(f"{subject}.order", form or "both", reason, _FORMAT_OPTION))
        decision.question = self._question(subject, undecided)
        if decision.question is None:
            if form := self._languages.form():
                forms[MONTHS] = form
            decision.format = msgspec.structs.replace(self._given, forms=tuple(forms.items()))
            decision.assumptions.extend(self._other_assumptions(subject))
        return decision

    def _question(self, subject: str, undecided: list[GroupEvidence]) -> Question | None:
        if undecided:
            return order_question(subject, undecided)
        if self._languages.is_doubtful and not (self._languages.form() or self._given.form_of(MONTHS)):
            return self._languages.question(subject)
        units = dict(self._other_units)
        if self._cells == 0 and len(units) == 1 and (unit := next(iter(units))):
            return unit_question(subject, unit, self._given.time_format, self._unreadable.values[0])
        return None

    def _other_assumptions(self, subject: str) -> list[Assumption]:
        found = [
            Assumption(f"{subject}.format", form, f"line {value.first_line}: {show(value.text, form)}", _FORMAT_OPTION)
            for form, value in sorted(self._numbers.items())
        ]
        if self._languages.is_doubtful and (form := self._languages.form()):
            found.append(Assumption(f"{subject}.language", form, self._languages.reason(form), _FORMAT_OPTION))
        if self._zones:
            meanings = ", ".join(f"{name} is {zone}" for name, (zone, _) in sorted(self._zones.items()))
            _, value = min(self._zones.values(), key=lambda zone: zone[1].first_line)
            found.append(Assumption(f"{subject}.zone", ", ".join(sorted(self._zones)), f"{meanings}; {example(value)}"))
        return found


def _readings(shapes: Sequence[MomentShape], text: str) -> dict[str, LocalTime]:
    """Return what a text says, by the forms that it allows.

    Raises:
        MissingCell: The text stands for the absence of a value.
        CellError: It allows none.
    """
    readings: dict[str, LocalTime] = {}
    error: CellError | None = None
    for shape in shapes:
        try:
            readings[shape.form] = shape.read(text)
        except MissingCell:
            raise
        except CellError as refused:
            error = error or refused
    if error and not readings:
        raise error
    return readings
