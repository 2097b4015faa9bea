"""Which numbers a text can be, whatever the rest of its column says.

A number has an optional sign (before it, behind it, or parentheses around it), an optional currency or percent sign on
either side, and digits with separators. It is read twice: with `.` as the decimal sign, and with `,`. `1,234.50` is a
number only in the first reading, `1.234,50` only in the second, `1,234` in both with different values: there the
column decides. Separators of thousands are `.`, `,`, spaces and apostrophes, all the same within one number, between
groups of three digits (`1 234 567`) or, with commas, as in India (`12,34,567`).
"""

import re
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from agents.importing.columns.column_value import CellError, is_missing, missing_cell
from agents.importing.columns.currencies import currency_candidates
from state.config.config_errors import format_value

DecimalSign = Literal[".", ","]
DECIMAL_SIGNS: Final[tuple[DecimalSign, DecimalSign]] = (".", ",")
MAX_LENGTH: Final = 80
"""Longer texts are no amounts."""
_MAX_SHAPES: Final = 1 << 14

_SPACES: Final = "\t\u00a0\u202f\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u205f\u3000"
_APOSTROPHES: Final = "’‘ʼ´`′"
_MINUSES: Final = "−–‐‑﹣－"
_INVISIBLE: Final = str.maketrans("", "", "\u200b\u200e\u200f\u2060\u2066\u2067\u2068\u2069\u202a\u202b\u202c\ufeff")
_NORMAL: Final = str.maketrans(
    dict.fromkeys(_SPACES, " ") | dict.fromkeys(_APOSTROPHES, "'") | dict.fromkeys(_MINUSES, "-")
)
_NINES: Final = str.maketrans("012345678", "999999999")
_DIGITS: Final = re.compile(r"[0-9](?:[0-9.,' ]*[0-9])?", re.ASCII)
_NO_CENTS: Final = re.compile(r"[.,](?:--|-|—|=)", re.ASCII)
_NOT_DIGIT: Final = re.compile(r"[^0-9]", re.ASCII)
_SCIENTIFIC: Final = re.compile(r"[+-]?(?:[0-9]{1,40}(?:\.[0-9]{0,40})?|\.[0-9]{1,40})[eE][+-]?[0-9]{1,2}", re.ASCII)
_SHORTENED: Final = re.compile(r"-?[0-9](?:[.,][0-9]{1,5})?E[+-][0-9]{2}", re.ASCII)
_PERCENT: Final = frozenset({"%", "％", "٪"})
_GROUPING: Final = "'" + _APOSTROPHES + " " + _SPACES
_TABLES: Final = {".": str.maketrans("", "", "," + _GROUPING), ",": str.maketrans(",", ".", "." + _GROUPING)}


class NumberShape(NamedTuple):
    """How to read a text, and every other text that differs from it in digits only.

    A number in groups must not begin with 0: `0.125` and `1.125` differ in more than digits.

    A number in groups cannot begin with 0, so `0.125` and `1.125` differ in more than digits.

    Attributes:
        start: index of the first digit or decimal sign.
        stop: index after the last one.
        fractions: digits of the fraction with `.` and with `,` as the decimal sign; None: it is no number then.
        decimal: the decimal sign to read it with; None: both are possible, with different values.
        negative: whether it has a minus sign or parentheses.
        percent: whether it has a percent sign.
        currencies: what its currency sign or word can mean, the usual meaning first; empty: it has none.
        plain: whether the digits need no change to be read by `Decimal`.
        grouped: whether it is in groups in one of the readings, so that a first digit of 0 makes a difference.
    """

    start: int
    stop: int
    fractions: tuple[int | None, int | None]
    decimal: DecimalSign | None
    negative: bool = False
    percent: bool = False
    currencies: tuple[str, ...] = ()
    plain: bool = False
    grouped: bool = False

    @property
    def proves(self) -> DecimalSign | None:
        """The decimal sign that it must have; None: it can have the other one too, with the same value or another."""
        return self.decimal if None in self.fractions else None

    def value(self, text: str, decimal: DecimalSign) -> Decimal:
        """Return the value of a text of this shape; `decimal` must be a possible reading. `15%` is 0.15."""
        digits = text[self.start : self.stop]
        number = Decimal(digits if self.plain else digits.translate(_TABLES[decimal]))
        if self.percent:
            number = number.scaleb(-2)
        return -number if self.negative else number


class NumberShapes:
    """Finds the shapes of texts, and caches them; there are few shapes of numbers, however many numbers there are.

    Args:
        typed: Whether the file had numbers here, not texts: they have a decimal point and may have an exponent.
    """

    def __init__(self, *, typed: bool) -> None:
        self._typed = typed
        self._shapes: dict[str, NumberShape] = {}
        self._shapes_of_zero: dict[str, NumberShape] = {}

    def find(self, text: str) -> NumberShape:
        """Return how a text is read as a number.

        Raises:
            MissingCell: The text stands for the absence of a value.
            CellError: It is no number.
        """
        nines = text.translate(_NINES)
        shape = self._shapes.get(nines)
        if shape is None:
            shape = self._learn(self._shapes, nines, text, nines)
        if shape.grouped and text[shape.start] == "0":
            return self._shapes_of_zero.get(nines) or self._learn(self._shapes_of_zero, nines, text, text)
        return shape

    def _learn(self, shapes: dict[str, NumberShape], nines: str, text: str, example: str) -> NumberShape:
        try:
            shape = read_number(example, typed=self._typed)
        except CellError:
            read_number(text, typed=self._typed)  # raises the error for the text itself
            raise
        if len(shapes) >= _MAX_SHAPES:
            shapes.clear()
        shapes[nines] = shape
        return shape


def read_number(text: str, *, typed: bool = False) -> NumberShape:
    """Return how a text is read as a number.

    Args:
        text: A cell.
        typed: Whether the file had a number here, not a text: it has a decimal point and may have an exponent.

    Raises:
        MissingCell: The text stands for the absence of a value.
        CellError: It is no number.
    """
    if is_missing(text):
        raise missing_cell(text)
    if len(text) > MAX_LENGTH:
        raise _not_a_number(text)
    if typed or "e" in text or "E" in text:
        if _SHORTENED.fullmatch(text) and not typed:
            remedy = "show the column as a number in the spreadsheet, and export it again"
            raise CellError(f"must have all its digits: got {format_value(text)}; {remedy}")
        if _SCIENTIFIC.fullmatch(text):
            return NumberShape(0, len(text), (1, None), ".", plain=True)
    if not text.isascii() and any(letter.isdecimal() and not letter.isascii() for letter in text):
        raise CellError(f"must be written with the digits 0 to 9: got {format_value(text)}")
    shape = _read(text)
    return shape._replace(decimal=".") if typed and shape.decimal is None else shape


def _read(text: str) -> NumberShape:
    normal = text.translate(_NORMAL)
    match = _DIGITS.search(normal)
    if match is None:
        raise _not_a_number(text)
    start, stop = match.span()
    before, after = normal[:start], normal[stop:]
    if before[-1:] in (".", ",") and not any(letter.isalpha() for letter in before):
        start, before = start - 1, before[:-1]
    digits = normal[start:stop]
    closed = _NO_CENTS.match(after)  # "1.234,-" has no cents, and its decimal sign is the comma
    if closed:
        after = after[closed.end() :]
    elif after[:1] in (".", ",") and digits.isdigit():
        after = after[1:]
    negative, words = _sign_and_words(before, after, text)
    percent = any(word in _PERCENT for word in words)
    fractions = (_fraction(digits, "."), _fraction(digits, ","))
    if closed:
        fractions = (
            fractions[0] if closed[0][0] == "." and not fractions[0] else None,
            fractions[1] if closed[0][0] == "," and not fractions[1] else None,
        )
        fractions = (0, 0) if digits.isdigit() else fractions
    if fractions == (None, None):
        raise _not_a_number(text)
    currencies = _currencies([word for word in words if word not in _PERCENT], text)
    plain = digits.isdigit() or (fractions[1] is None and digits.replace(".", "", 1).isdigit())
    grouped = bool(_NOT_DIGIT.search(digits)) and not plain
    decimal = _decimal(fractions)
    return NumberShape(start, stop, fractions, decimal, negative, percent, currencies, plain, grouped)


def _decimal(fractions: tuple[int | None, int | None]) -> DecimalSign | None:
    match fractions:
        case (_, None) | (0, 0):
            return "."
        case (None, _):
            return ","
        case _:
            return None


def _sign_and_words(before: str, after: str, text: str) -> tuple[bool, list[str]]:
    """Return whether a number is negative, and the words on both sides of it."""
    before, after = before.translate(_INVISIBLE), after.translate(_INVISIBLE)
    in_parentheses = "(" in before and ")" in after
    if in_parentheses:
        before, after = before.replace("(", "", 1), after.replace(")", "", 1)
    minuses = before.count("-") + after.count("-")
    signs = minuses + before.count("+") + in_parentheses
    if signs > 1:
        raise _not_a_number(text)
    words = [side.replace("-", "").replace("+", "").strip() for side in (before, after)]
    return bool(minuses or in_parentheses), [word for word in words if word]


def _currencies(words: list[str], text: str) -> tuple[str, ...]:
    candidates: tuple[str, ...] = ()
    for word in words:
        meant = currency_candidates(word)
        candidates = tuple(code for code in candidates if code in meant) if candidates else meant
        if not candidates or word[0] in ".,":
            raise _not_a_number(text)
    return candidates


def _fraction(digits: str, decimal: DecimalSign) -> int | None:
    """Return the digits of the fraction if `decimal` is the decimal sign; None if the text is no number then."""
    whole, sign, fraction = digits.rpartition(decimal)
    if not sign:
        return 0 if _is_whole_number(digits) else None
    if not fraction.isdigit() or decimal in whole or not (whole == "" or _is_whole_number(whole)):
        return None
    return len(fraction)


def _is_whole_number(digits: str) -> bool:
    separators = set(_NOT_DIGIT.findall(digits))
    if not separators:
        return True
    separator = separators.pop()
    first, *groups = (len(group) for group in digits.split(separator))
    if separators or digits[0] == "0":
        return False
    if groups[-1] != 3 or not 1 <= first <= 3:
        return False
    return all(group == 3 for group in groups) or (
        separator == "," and first < 3 and len(groups) > 1 and all(group == 2 for group in groups[:-1])
    )


def _not_a_number(text: str) -> CellError:
    return CellError(f"must be a number: got {format_value(text)}")
