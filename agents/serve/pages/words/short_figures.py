"""Write figures for charts: with few letters, so that they fit into a cell of a grid or beside an axis."""

from typing import Final

from agents.languages.formats import NO_BREAK, Formats
from agents.languages.translations import mark

MINUS: Final = "\u2212"
_THOUSAND: Final = 1000
_UNITS: Final = (
    (_THOUSAND**4, mark("%(figure)sT")),
    (_THOUSAND**3, mark("%(figure)sB")),
    (_THOUSAND**2, mark("%(figure)sM")),
    (_THOUSAND, mark("%(figure)sk")),
)
_DECIMAL_BELOW: Final = 9.95
_FULL_BELOW: Final = 9_999.5


def short(value: float, formats: Formats) -> str:
    """Return a figure with two digits or so: `0.25`, `9,850`, `12k`, `1.2M`."""
    if abs(value) < _FULL_BELOW:
        decimals = 0 if value == int(value) or abs(value) >= _DECIMAL_BELOW else 1 if abs(value) >= 1 else 2
        return formats.number(f"{value:.{decimals}f}" if decimals else f"{value:.0f}")
    for unit, form in _UNITS:
        figure = value / unit
        if abs(figure) >= 0.9995:  # rounds up to one
            decimals = 1 if abs(figure) < _DECIMAL_BELOW else 0
            text = formats.number(f"{figure:.{decimals}f}".removesuffix(".0"))
            return formats.texts.gettext(form) % {"figure": text}
    return formats.number(f"{value:.0f}")


def short_money(value: float, currency: str, formats: Formats) -> str:
    """Return an amount in the same way, with its currency."""
    if value < 0:
        return f"{MINUS}{short_money(-value, currency, formats)}"
    amount = formats.money("1", currency)
    return amount.replace("1", short(value, formats)).replace(" ", NO_BREAK)


def signed(text: str, value: float) -> str:
    """Return a figure with a sign in any case but 0."""
    return f"+{text}" if value > 0 else text
