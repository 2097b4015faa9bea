"""Money: JSON amounts to whole minor units, conversion to the base currency, and text in major units."""

from decimal import Decimal
from fractions import Fraction

_DIGITS = {
    **dict.fromkeys(
        (
            *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
            *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(("CLF", "UYW"), 4),
}


def digits(currency: str) -> int:
    """Return the decimal digits of a currency (ISO 4217): 2 unless listed otherwise."""
    return _DIGITS.get(currency, 2)


def scale(currency: str) -> int:
    """Return the minor units in one major unit."""
    return int(10 ** digits(currency))


def exact(value: str | float | Decimal) -> Fraction:
    """Return a JSON string or number as the exact decimal number in the document.

    A binary float, which only an imprecise JSON reader produces, counts as its shortest decimal text.
    """
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def minor(value: str | float | Decimal, currency: str) -> int:
    """Return an amount in whole minor units of its own currency.

    Raises:
        ValueError: The amount has more digits than the currency.
    """
    units = exact(value) * scale(currency)
    if units.denominator != 1:
        message = f"{value!r} has more digits than {currency} knows"
        raise ValueError(message)
    return units.numerator


def converted(amount_minor: int, currency: str, rate: Fraction, base: str) -> int:
    """Return minor units of the base currency, half to even; ``rate`` is the price of one unit of ``currency``."""
    major = Fraction(amount_minor, scale(currency)) * rate
    return round(major * scale(base))  # round() of a Fraction is exact and rounds half to even


def major_text(amount_minor: int, currency: str) -> str:
    """Return major units with all the currency's digits: ``12400.00``, ``-0.05``, ``12400`` for JPY."""
    places = digits(currency)
    sign = "-" if amount_minor < 0 else ""
    figures = str(abs(amount_minor)).rjust(places + 1, "0")
    return sign + (f"{figures[:-places]}.{figures[-places:]}" if places else figures)
