"""Amounts and moments agree with exact arithmetic and with the datetime module."""

import json
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from state.units.money import MAX_MINOR, TooLarge, TooManyDigits, convert, format_minor, is_number, parse_minor
from state.units.timestamps import format_ms, parse_rfc3339

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

minors = st.integers(-MAX_MINOR, MAX_MINOR)
digits = st.integers(0, 4)


@given(minors, digits)
def test_parsing_a_formatted_amount_returns_it(minor: int, digits: int) -> None:
    """For any size, either sign, and any number of digits."""
    assert parse_minor(format_minor(minor, digits), digits) == minor


@given(st.from_regex(r"\A-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?\Z"), digits)
def test_parsed_amounts_equal_exact_arithmetic(text: str, digits: int) -> None:
    """An error is raised exactly if it is no whole number of minor units, or beyond the limit."""
    assert is_number(text)
    worth = Fraction(text) * 10**digits
    try:
        minor = parse_minor(text, digits)
    except TooLarge:
        assert abs(worth) > MAX_MINOR
    except TooManyDigits:
        assert worth.denominator != 1
    else:
        assert minor == worth
        assert abs(worth) <= MAX_MINOR


@given(st.text("0123456789.eE+-٣ _", max_size=8))
def test_a_text_is_a_number_if_json_says_so(text: str) -> None:
    """For all texts of the characters of numbers."""
    try:
        expected = isinstance(json.loads(text), int | float) and text.strip() == text
    except ValueError:
        expected = False
    assert is_number(text) is expected


@given(minors, digits, st.fractions(Fraction(1, 10**6), 10**6, max_denominator=10**6), digits)
def test_conversion_is_exact_and_rounds_half_to_even(minor: int, digits: int, rate: Fraction, base_digits: int) -> None:
    """As Python rounds fractions."""
    assert convert(minor, digits, rate, base_digits) == round(Fraction(minor, 10**digits) * rate * 10**base_digits)


@given(st.integers(-(10**9), 10**9), st.sampled_from([Decimal("0.5"), Decimal("1.5"), Decimal("0.25")]))
def test_halves_round_to_the_even_minor_unit(minor: int, rate: Decimal) -> None:
    """As Decimal rounds."""
    assert convert(minor, 2, rate, 2) == (minor * rate).quantize(Decimal(1), ROUND_HALF_EVEN)


@given(
    st.integers(
        0, (datetime(2200, 1, 1, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) - 1
    )
)
def test_parsing_a_formatted_moment_returns_it(moment_ms: int) -> None:
    """The text is the one that datetime writes."""
    text = format_ms(moment_ms)
    assert parse_rfc3339(text) == moment_ms
    moment = EPOCH + timedelta(milliseconds=moment_ms)
    assert text == moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
