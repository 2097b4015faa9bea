"""Parse, format and convert money: integers of a currency's minor units, decimal text outside, never a float.

The number syntax is that of JSON, also for numbers in JSON strings: `12.4`, `-0.50`, `1e2`; not `+1`, `.5`, `1_000`.
The size of integers is checked before they are created, so no text is expensive to parse.
"""

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

from state.units.currencies import DIGITS

__all__ = [
    "DIGITS",
    "MAX_MINOR",
    "MAX_TOTAL",
    "NotANumber",
    "TooLarge",
    "TooManyDigits",
    "convert",
    "format_minor",
    "is_number",
    "parse_minor",
    "parse_rate",
]

MAX_MINOR: Final = 10**15
"""Maximum amount of one event, in minor units."""

MAX_TOTAL: Final = 1 << 62
"""Maximum of a total in minor units that the table's formats hold. An event adds at most `MAX_MINOR`."""

MAX_EVENT_RATE: Final = 10**9
"""Maximum of an event's own rate. Rates of a policy may be higher (`state.config.policy_reader.MAX_POLICY_RATE`)."""
MAX_RATE_DIGITS: Final = 18

_SCALES: Final = tuple(int("1" + "0" * digits) for digits in range(19))
_ZEROS: Final = tuple("0" * count for count in range(5))
_NUMBER: Final = re.compile(r"(-?)(0|[1-9]\d*)(?:\.(\d+))?(?:[eE]([+-]?\d+))?", re.ASCII)
_EXPONENT_END: Final = 10**7


class NotANumber(ValueError):
    """The text is not a number in JSON's syntax."""


class TooManyDigits(ValueError):
    """The number has too many digits after the decimal point."""


class TooLarge(ValueError):
    """The number is out of range."""


def is_number(text: str) -> bool:
    """Whether the text is a number in JSON's syntax."""
    return _NUMBER.fullmatch(text) is not None


def parse_minor(text: str, digits: int) -> int:
    """Return an amount in minor units, exactly; it may be negative.

    Trailing zeros do not count as digits: `12.400` is 1240 in a currency with two digits.

    Args:
        text: The amount in major units.
        digits: Digits of the currency after the decimal point.

    Raises:
        NotANumber: The text is not a number in JSON's syntax.
        TooLarge: The absolute amount exceeds `MAX_MINOR`.
        TooManyDigits: The amount is not a whole number of minor units.
    """
    whole, point, cents = text.partition(".")
    missing = digits - len(cents)
    if (
        0 <= missing < 5
        and 0 < len(whole) <= 15 - digits  # so the amount is below MAX_MINOR
        and (whole[0] != "0" or len(whole) == 1)
        and (cents or not point)
        and (units := whole + cents + _ZEROS[missing]).isdigit()
        and units.isascii()
    ):
        return int(units)
    return _parse_any_number(text, digits)


def _parse_any_number(text: str, digits: int) -> int:
    sign, significant, exponent = _split(text)
    exponent += digits
    if len(significant) + exponent > 16:
        raise TooLarge(f"must be at most {MAX_MINOR} minor units")
    if exponent < 0:
        raise TooManyDigits(f"must have at most {digits} digits after the point")
    scale: int = 10**exponent
    minor = int(significant) * scale
    if minor > MAX_MINOR:
        raise TooLarge(f"must be at most {MAX_MINOR} minor units")
    return -minor if sign else minor


def _split(text: str) -> tuple[str, str, int]:
    """Return sign, significant digits (`0` for zero) and power of ten of a number.

    Exponents are clipped at seven digits: no record is long enough to compensate a greater one with its digits.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise NotANumber("must be a decimal number, such as 12.40")
    sign, whole, fraction, power = match.groups(default="")
    all_digits = (whole + fraction).lstrip("0")
    significant = all_digits.rstrip("0")
    if not significant:
        return "", "0", 0
    exponent = 0
    if power:
        size = power.lstrip("+-").lstrip("0")
        exponent = int(size or "0") if len(size) <= 7 else _EXPONENT_END
        exponent = -exponent if power[0] == "-" else exponent
    return sign, significant, exponent - len(fraction) + len(all_digits) - len(significant)


def parse_rate(text: str) -> str:
    """Return a rate (the price of one unit of a currency in another) as plain decimal text without an exponent.

    Plain text is returned as it is, except for digits beyond the 18th, which can only be zeros.

    Raises:
        NotANumber: The text is not a number in JSON's syntax.
        TooManyDigits: It has more than 18 digits after the decimal point.
        TooLarge: It is not above 0 and at most 10^9.
    """
    sign, significant, exponent = _split(text)
    if sign or significant == "0" or len(significant) + exponent > 10:
        raise TooLarge(f"must be above 0 and at most {MAX_EVENT_RATE}")
    if exponent < -MAX_RATE_DIGITS:
        raise TooManyDigits(f"must have at most {MAX_RATE_DIGITS} digits after the point")
    if "e" in text or "E" in text or len(text) > 30:
        text = format(Decimal(f"{significant}e{exponent}"), "f")
    if Decimal(text) > MAX_EVENT_RATE:
        raise TooLarge(f"must be above 0 and at most {MAX_EVENT_RATE}")
    return text


def format_minor(minor: int, digits: int) -> str:
    """Return an amount in major units, with all digits of the currency: `-12.40`."""
    sign = "-" if minor < 0 else ""
    if digits == 0:
        return f"{minor}"
    major, rest = divmod(abs(minor), 10**digits)
    return f"{sign}{major}.{rest:0{digits}}"


def convert(minor: int, digits: int, rate: Decimal | Fraction, base_digits: int) -> int:
    """Return an amount in minor units of the base currency, rounded half to even.

    Args:
        minor: The amount in minor units of its own currency.
        digits: Digits of that currency after the decimal point.
        rate: Price of one major unit of that currency in major units of the base currency.
        base_digits: Digits of the base currency after the decimal point.
    """
    numerator, denominator = rate.as_integer_ratio()
    units, rest = divmod(minor * numerator * _SCALES[base_digits], denominator * _SCALES[digits])
    twice, whole = 2 * rest, denominator * _SCALES[digits]
    rounds_up = twice > whole or (twice == whole and units % 2 == 1)
    return units + rounds_up
