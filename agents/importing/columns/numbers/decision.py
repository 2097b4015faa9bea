"""Decide how the numbers of a column are written.

The decimal sign is decided for the column as a whole: `1.234,56` in one line proves what `12.500` means in another.
Without proof nothing is guessed, because one of the readings is a thousandth of the other.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Final

from agents.importing.columns.column_value import (
    MAX_UNREADABLE,
    CellError,
    ColumnValue,
    FirstValues,
    MissingCell,
    example,
    keep_first,
)
from agents.importing.columns.numbers.format import NumberFormat, NumberParser
from agents.importing.columns.numbers.grammar import DECIMAL_SIGNS, DecimalSign, NumberShape, NumberShapes
from agents.importing.findings import Assumption, Choice, Question

__all__ = ["NumberDecision", "NumberFormat", "NumberParser", "decide_numbers", "parse_number"]

_NAMES: Final = {".": "a point", ",": "a comma"}
_SEPARATORS: Final = {".": "commas", ",": "points"}
"""What is between thousands, by the decimal sign that this proves."""
_OPTION: Final = '--decimal "." or --decimal ","'
_THOUSAND: Final = 3


@dataclass(slots=True)
class NumberDecision:
    """What was found out about a column of numbers.

    Attributes:
        format: None while `question` is not answered.
        assumptions: what was decided, with the evidence.
        question: what the column does not decide.
        unreadable: the first ten texts that are no numbers.
        unreadable_cells: the number of their cells, as far as the column was read (see `MAX_UNREADABLE`).
        missing_cells: cells that stand for the absence of a value, such as `-` and `N/A`.
        percent: the first text with a percent sign.
        currencies: what the signs and words beside the numbers can mean, and the first text with each.
    """

    format: NumberFormat | None = None
    assumptions: list[Assumption] = field(default_factory=list)
    question: Question | None = None
    unreadable: list[ColumnValue] = field(default_factory=list)
    unreadable_cells: int = 0
    missing_cells: int = 0
    percent: ColumnValue | None = None
    currencies: dict[tuple[str, ...], ColumnValue] = field(default_factory=dict)


def parse_number(text: str, number_format: NumberFormat) -> Decimal:
    """Return the value of a text, exactly; see `NumberParser.parse`.

    Raises:
        MissingCell: The text stands for the absence of a value.
        CellError: It is no number, or the column does not tell which one.
    """
    return _parser(number_format).parse(text)


@lru_cache(maxsize=64)
def _parser(number_format: NumberFormat) -> NumberParser:
    return NumberParser(number_format)


def decide_numbers(
    values: Iterable[ColumnValue],
    subject: str,
    *,
    decimal: str | None = None,
    elsewhere: DecimalSign | None = None,
    typed: bool = False,
) -> NumberDecision:
    """Decide how the numbers of a column are written.

    Args:
        values: All texts of the column, or one for each shape (digits as 9), first digit 0 or not, last 0 or not.
        subject: The field, such as `amount`; it names the findings.
        decimal: The decimal sign, `.` or `,`, if it is known: from the option, the mapping file or the platform.
        elsewhere: The decimal sign that other columns of the file prove (their `format.decimal`). It decides here if
            nothing in this column says otherwise.
        typed: Whether the file had numbers here, not texts.
    """
    decision = NumberDecision()
    evidence = _Evidence()
    unreadable = FirstValues()
    shapes = NumberShapes(typed=typed)
    for value in values:
        try:
            shape = shapes.find(value.text)
        except MissingCell:
            decision.missing_cells += value.count
        except CellError:
            unreadable.add(value)
            if unreadable.texts >= MAX_UNREADABLE and not evidence.texts:
                break
        else:
            evidence.add(value, shape)
    decision.unreadable, decision.unreadable_cells = unreadable.values, unreadable.cells
    decision.percent, decision.currencies = evidence.percent, evidence.currencies
    given: DecimalSign | None = "." if decimal == "." else "," if decimal == "," else None
    sign = given or evidence.sign(elsewhere)
    if sign is None and evidence.ambiguous:
        decision.question = evidence.question(subject)
        return decision
    decision.format = NumberFormat(sign, typed=typed)
    decision.assumptions = evidence.assumptions(subject, sign, "given" if given else "as in other columns")
    return decision


class _Evidence:
    """What the values of a column show about its decimal sign, by sign.

    Attributes:
        texts: the number of values that are numbers.
        proofs: first value that must have this sign.
        fractions: first of these that has a fraction.
        long_fractions: first of these whose fraction has three digits or more.
        cells: cells that prove this sign.
        ambiguous: first value such as `1.234`, by the sign it contains.
        round: first of these that ends in 0, such as `1.500`.
    """

    def __init__(self) -> None:
        self.texts = 0
        self.proofs: dict[DecimalSign, ColumnValue] = {}
        self.fractions: dict[DecimalSign, ColumnValue] = {}
        self.long_fractions: dict[DecimalSign, ColumnValue] = {}
        self.cells: dict[DecimalSign, int] = {".": 0, ",": 0}
        self.ambiguous: dict[DecimalSign, ColumnValue] = {}
        self.round: dict[DecimalSign, ColumnValue] = {}
        self.percent: ColumnValue | None = None
        self.currencies: dict[tuple[str, ...], ColumnValue] = {}

    def add(self, value: ColumnValue, shape: NumberShape) -> None:
        self.texts += 1
        if shape.percent and (self.percent is None or value.first_line < self.percent.first_line):
            self.percent = value
        if shape.currencies:
            keep_first(self.currencies, shape.currencies, value)
        sign = shape.proves
        if sign:
            self.cells[sign] += value.count
            keep_first(self.proofs, sign, value)
            fraction = shape.fractions[DECIMAL_SIGNS.index(sign)]
            if fraction:
                keep_first(self.fractions, sign, value)
            if fraction and fraction >= _THOUSAND:
                keep_first(self.long_fractions, sign, value)
        elif shape.decimal is None:
            contained: DecimalSign = "." if shape.fractions[0] else ","
            keep_first(self.ambiguous, contained, value)
            if value.text[shape.stop - 1] == "0":
                keep_first(self.round, contained, value)

    def sign(self, elsewhere: DecimalSign | None) -> DecimalSign | None:
        """Return the decimal sign that the column has; None: neither it nor what other columns prove is certain."""
        if len(self.proofs) > 1 or not (self.proofs or elsewhere):
            return None
        (sign,) = self.proofs or (elsewhere,)
        if sign is None or sign not in self.ambiguous:
            return sign if self.proofs or self.ambiguous else None
        # "1.234" among "19.90" is a number with three digits after the point. "1.500" there is not: whoever writes
        # 1.5 has no reason for the two zeros unless all numbers have three digits.
        has_fractions = sign in self.fractions or not self.proofs
        return sign if sign in self.long_fractions or (has_fractions and sign not in self.round) else None

    def assumptions(self, subject: str, sign: DecimalSign | None, otherwise: str) -> list[Assumption]:
        found = self._proofs_in_words()
        read = [_with_value(value, sign) for _, value in sorted(self.ambiguous.items())] if sign else []
        if len(found) > 1:
            found.append("each of these is read so")
        if not found and read:
            found.append(otherwise)
        if not found:
            return []
        option = "--decimal" if read else ""
        return [Assumption(f"{subject}.decimal", sign or "both", "; ".join(found + read), option)]

    def _proofs_in_words(self) -> list[str]:
        return [
            f"{example(self.fractions[sign])} can only have {_NAMES[sign]} as its decimal sign"
            if sign in self.fractions
            else f"{example(value)} has {_SEPARATORS[sign]} between thousands"
            for sign, value in sorted(self.proofs.items())
        ]

    def question(self, subject: str) -> Question:
        examples = [value for _, value in sorted(self.ambiguous.items())]
        if len(self.proofs) == 1 and set(self.ambiguous) == set(self.proofs):
            (sign,) = self.proofs
            examples = [self.round.get(sign, examples[0])]
        known = "; ".join(self._proofs_in_words())
        signs: Iterable[DecimalSign] = (
            sorted(DECIMAL_SIGNS, key=lambda sign: (-self.cells[sign], sign))
            if len(self.proofs) == 2
            else DECIMAL_SIGNS
        )
        text = f"Is the decimal sign of {subject} a point or a comma in {example(examples[0])}?"
        return Question(
            f"{subject}.decimal",
            f"{text} ({known})" if known else text,
            "decimal",
            tuple(
                Choice(sign, f"{_NAMES[sign]}: {', '.join(_with_value(value, sign) for value in examples)}")
                for sign in signs
            ),
            _OPTION,
        )


def _with_value(value: ColumnValue, sign: DecimalSign) -> str:
    number = NumberShapes(typed=False).find(value.text).value(value.text, sign)
    shown = number.normalize()
    exponent = shown.as_tuple().exponent
    digits = max(2, -exponent) if isinstance(exponent, int) and exponent < 0 else 0
    return f"line {value.first_line}: {value.text} -> {shown:.{digits}f}"
