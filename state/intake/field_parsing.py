"""The values of fields that their types cannot express: moments, amounts, currencies and rates.

A function that finds an error reports it to `errors` and returns a placeholder. Numbers arrive as the bytes that were
published, because as floats they would not be exact.
"""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

from msgspec import Raw

from state.intake.admission_result import AdmissionRules
from state.intake.field_errors import FieldErrors
from state.records.reasons import RejectionReason
from state.units.money import (
    DIGITS,
    MAX_MINOR,
    NotANumber,
    TooLarge,
    TooManyDigits,
    convert,
    is_number,
    parse_minor,
    parse_rate,
)
from state.units.timestamps import format_ms, parse_rfc3339

ABSENT: Final = Raw(b"")
NULL: Final = Raw(b"null")
NUMBER_EXPECTED: Final = "must be a decimal number, such as 12.40, in quotes or not"

_PLAIN: Final = tuple(
    re.compile(rb'"?((?:0|[1-9][0-9]{0,10})%s[0-9]{%d})"?' % (rb"\." if digits else b"", digits)).fullmatch
    for digits in range(5)
)
_MATCH_PLAIN: Final = {currency: _PLAIN[digits] for currency, digits in DIGITS.items()}
"""By currency, a fast match of most amounts: all digits are written, and it is far below the bound."""


def parse_moment(text: str, latest_ms: int | None, errors: FieldErrors) -> int:
    """Return the moment of `occurred_at` in milliseconds; 0 if it cannot be read.

    Args:
        text: The value of `occurred_at`.
        latest_ms: The latest allowed moment; None if there is none.
        errors: Receives the errors.
    """
    try:
        moment_ms = parse_rfc3339(text)
    except ValueError as error:
        errors.add_error(RejectionReason.INVALID, "occurred_at", str(error))
        return 0
    if latest_ms is not None and moment_ms > latest_ms:
        errors.add_error(RejectionReason.FUTURE, "occurred_at", f"must be at most {format_ms(latest_ms)}")
    return moment_ms


def is_absent(raw: Raw) -> bool:
    """Return whether the number is missing or null."""
    return raw is ABSENT or raw == NULL


def _unquoted(raw: Raw) -> str:
    """Return the text of a number, which may be in quotes. Escapes stay, and so the text is not a number."""
    text = str(raw, "utf-8")
    return text[1:-1] if text[:1] == '"' else text


def check_currency(currency: str, errors: FieldErrors) -> None:
    """Report a currency that does not exist."""
    if currency not in DIGITS:
        errors.add_error(RejectionReason.CURRENCY, "currency", "must be the ISO 4217 code of a currency, such as RUB")


def parse_amount(name: str, raw: Raw, currency: str, errors: FieldErrors, minimum: int = 0) -> int:
    """Return an amount in minor units of its currency; 0 after an error.

    An unknown currency is an error too. It hides only that there are too many digits.

    Args:
        name: The field.
        raw: Its value; an absent one is an error.
        currency: The currency's code.
        errors: Receives the errors.
        minimum: 1 if zero is not allowed, else 0.
    """
    plain = _MATCH_PLAIN[currency](raw) if currency in _MATCH_PLAIN else None
    if plain is not None:
        minor = int(plain[1].replace(b".", b""))
        if minor >= minimum:
            return minor
    return _parse_any_amount(name, _unquoted(raw), currency, errors, minimum)


def _parse_any_amount(name: str, text: str, currency: str, errors: FieldErrors, minimum: int) -> int:
    check_currency(currency, errors)
    try:
        minor = parse_minor(text, DIGITS.get(currency, 0))
    except NotANumber:
        errors.add_error(RejectionReason.INVALID, name, NUMBER_EXPECTED)
        return 0
    except TooLarge as too_large:  # one name for both would have one type when compiled
        errors.add_error(RejectionReason.AMOUNT, name, str(too_large))
        return 0
    except TooManyDigits as too_many:
        if text[0] != "-":
            if currency in DIGITS:
                errors.add_error(RejectionReason.AMOUNT, name, f"{too_many} in {currency}")
            return 0
        minor = -1
    if minor >= minimum:
        return minor
    errors.add_error(RejectionReason.AMOUNT, name, "must be more than zero" if minimum else "must not be negative")
    return 0


def rate_of(
    raw: Raw, currency: str, rules: AdmissionRules, errors: FieldErrors, *, required: bool = True
) -> str | None:
    """Return the rate to convert at: the event's, else the policy's.

    Return None for the base currency, after an error, and if there is no rate although it is not required.
    """
    text = None if is_absent(raw) else _unquoted(raw)
    if text is not None and not is_number(text):
        errors.add_error(RejectionReason.INVALID, "rate", NUMBER_EXPECTED)
        return None
    if currency == rules.currency:
        return None
    if text is not None:
        try:
            return parse_rate(text)
        except ValueError as error:
            errors.add_error(RejectionReason.CURRENCY, "rate", str(error))
            return None
    listed = rules.rates.get(currency)
    if listed is not None:
        return format(listed, "f")
    if required:
        errors.add_error(RejectionReason.CURRENCY, "rate", f"of {currency} must be given, since the policy lists none")
    return None


@lru_cache(maxsize=1024)
def _fraction(rate: str) -> Fraction:
    """Return the rate as a number. Few rates are in use, and parsing one takes as long as admitting an event."""
    return Fraction(rate)


def to_base(name: str, minor: int, currency: str, rate: str | None, rules: AdmissionRules, errors: FieldErrors) -> int:
    """Return the amount of the field `name` in minor units of the base currency; unchanged without a rate."""
    if rate is None:
        return minor
    base = convert(minor, DIGITS.get(currency, 0), _fraction(rate), rules.digits)
    if base > MAX_MINOR:
        expected = f"must be at most {MAX_MINOR} minor units of {rules.currency} at a rate of {rate}"
        errors.add_error(RejectionReason.AMOUNT, name, expected)
    return base
