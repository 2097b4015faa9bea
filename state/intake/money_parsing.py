"""The sums and rates of a published event, read from the bytes that they are, the fast way.

What is not a sum as it usually is raises, and `state.intake.validation` judges the event.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

from msgspec import Raw

from state.intake.admission_result import AdmissionRules
from state.units.money import DIGITS, MAX_MINOR, convert, is_number, parse_minor, parse_rate

ABSENT: Final = Raw(b"")
NULL: Final = Raw(b"null")

_PLAIN: Final = tuple(
    re.compile(rb'"?(0|[1-9][0-9]{0,10})%s([0-9]{%d})"?' % (rb"\." if digits else b"", digits)).fullmatch
    for digits in range(5)
)
"""By digits of the currency, what matches a sum as it mostly is: with all of its digits, and far below the bound."""


class NeedsValidation(ValueError):
    """The record is not of the usual kind: `state.intake.validation` is to judge it."""


def _text(raw: Raw) -> str:
    """A JSON value as it is written, without its quotes. An escape within them is in no number, and so stays one."""
    text = str(raw, "utf-8")
    return text[1:-1] if text[:1] == '"' else text


def sum_of(raw: Raw, digits: int, if_null: int | None = None) -> int:
    """The sum in minor units; `if_null`, unless that is None, for one that is absent or null.

    Raises:
        ValueError: It is no number, or negative, or beyond what the currency or `MAX_MINOR` allows.
    """
    plain = _PLAIN[digits](raw)
    if plain is not None:
        return int(plain[1] + plain[2])
    if if_null is not None and (raw == NULL or raw is ABSENT):
        return if_null
    minor = parse_minor(_text(raw), digits)
    if minor < 0:
        raise NeedsValidation
    return minor


def digits_of(currency: str) -> int:
    """The currency's digits after the point.

    Raises:
        Doubtful: There is no such currency.
    """
    digits = DIGITS.get(currency)
    if digits is None:
        raise NeedsValidation
    return digits


def rate_of(raw: Raw, currency: str, exchange: AdmissionRules, *, required: bool = True) -> str | None:
    """The rate that serves, as `state.intake.prices.Prices.rate` has it.

    Raises:
        ValueError: The rate is none, or there is none though it is required.
    """
    text = None if raw is ABSENT or raw == NULL else _text(raw)
    if text is not None and not is_number(text):
        raise NeedsValidation
    if currency == exchange.currency:
        return None
    if text is not None:
        return parse_rate(text)
    listed = exchange.rates.get(currency)
    if listed is not None:
        return format(listed, "f")
    if required:
        raise NeedsValidation
    return None


@lru_cache(maxsize=1024)
def _fraction(rate: str) -> Fraction:
    """The rate as a number; the same few are used again and again, and to read one costs as much as an event."""
    return Fraction(rate)


def in_base(minor: int, digits: int, rate: str | None, exchange: AdmissionRules) -> int:
    """The sum in minor units of the base currency at a rate; as it is if there is none.

    Raises:
        Doubtful: It is over `MAX_MINOR` there.
    """
    if rate is None:
        return minor
    base = convert(minor, digits, _fraction(rate), exchange.digits)
    if base > MAX_MINOR:
        raise NeedsValidation
    return base
