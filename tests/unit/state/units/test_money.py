"""Amounts are exact integers of minor units, however they are written, and conversion rounds half to even."""

from decimal import Decimal
from fractions import Fraction

import pytest

from state.units.money import (
    DIGITS,
    MAX_MINOR,
    NotANumber,
    TooLarge,
    TooManyDigits,
    convert,
    format_minor,
    is_number,
    parse_minor,
    parse_rate,
)


@pytest.mark.parametrize(
    ("text", "digits", "minor"),
    [
        ("12.40", 2, 1240),
        ("12.4", 2, 1240),
        ("12", 2, 1200),
        ("0", 2, 0),
        ("-0", 2, 0),
        ("-0.00", 2, 0),
        ("0.01", 2, 1),
        ("-12.40", 2, -1240),
        ("12.4000000000", 2, 1240),
        ("12.000", 0, 12),
        ("12.345", 3, 12345),
        ("12.3", 4, 123000),
        ("1e2", 2, 10000),
        ("1E+2", 2, 10000),
        ("1.5e1", 2, 1500),
        ("150e-1", 2, 1500),
        ("1e-2", 2, 1),
        ("100e-4", 2, 1),
        ("0e999999999999", 2, 0),
        ("0.0e-999999999999", 2, 0),
        ("1e000000000002", 2, 10000),
        ("9999999999999.99", 2, MAX_MINOR - 1),
        ("10000000000000", 2, MAX_MINOR),
        ("-10000000000000.00", 2, -MAX_MINOR),
        ("1000000000000000", 0, MAX_MINOR),
        ("1e15", 0, MAX_MINOR),
        ("1" + "0" * 40_000 + "e-40000", 2, 100),
        ("0." + "0" * 40_000 + "1e40001", 2, 100),
    ],
)
def test_a_number_is_read_exactly_as_minor_units(text: str, digits: int, minor: int) -> None:
    """Trailing zeros do not count as digits, and exponents are allowed."""
    assert parse_minor(text, digits) == minor


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "abc", " 1", "1 ", "1\n", "+1", ".5", "1.", "-", "--1", "01", "-01", "00", "1,5", "1.2.3", "1_000"),
        *("0x10", "1e", "1e+", "e1", "1e1.5", "NaN", "Infinity", "-Infinity", "inf", "null", "true", "٣", "１２", "²"),
        *("1٣", "1.٣", '"1"', "1.5.", "12.40\x00"),
    ],
)
def test_a_text_that_is_not_a_json_number_is_refused(text: str) -> None:
    """Plus signs, blanks, separators and digits of other scripts are not interpreted."""
    assert not is_number(text)
    with pytest.raises(NotANumber):
        parse_minor(text, 2)
    with pytest.raises(NotANumber):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "digits"),
    [("0.001", 2), ("12.345", 2), ("-12.345", 2), ("0.5", 0), ("1.0001", 3), ("1e-3", 2), ("1e-999999999999", 2)],
)
def test_more_digits_than_the_currency_has_are_refused(text: str, digits: int) -> None:
    """Amounts are never rounded."""
    with pytest.raises(TooManyDigits, match=f"at most {digits} digits"):
        parse_minor(text, digits)


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("10000000000000.01", 2),
        ("-10000000000000.01", 2),
        ("1000000000000001", 0),
        ("9999999999999999", 0),
        ("1e16", 0),
        ("1e999999999999", 2),
        ("9" * 100_000, 2),
    ],
)
def test_an_amount_over_ten_to_the_fifteenth_is_refused(text: str, digits: int) -> None:
    """Positive or negative."""
    with pytest.raises(TooLarge, match="1000000000000000 minor units"):
        parse_minor(text, digits)


@pytest.mark.parametrize("text", ["9" * 60_000, "1e" + "9" * 60_000, "1e-" + "9" * 60_000, "0." + "0" * 60_000 + "1"])
def test_numbers_of_any_length_are_refused_quickly(text: str) -> None:
    """The size is checked before an integer is built: computing a power of ten of that size would take minutes."""
    with pytest.raises(ValueError, match="must"):
        parse_minor(text, 2)
    with pytest.raises(ValueError, match="must"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("98.40", "98.40"),
        ("1", "1"),
        ("1000000000", "1000000000"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("9.84e1", "98.4"),
        ("984E-1", "98.4"),
        ("1e9", "1000000000"),
        ("98.4000000000000000000000000000000", "98.4"),
    ],
)
def test_a_rate_is_stored_as_plain_text(text: str, rate: str) -> None:
    """As it was written if that is plain and short; the value never changes."""
    assert parse_rate(text) == rate
    assert Decimal(parse_rate(text)) == Decimal(text)


@pytest.mark.parametrize("text", ["0", "0.00", "-0", "-1", "1000000000.1", "1e10", "1e999999999999", "9" * 50_000])
def test_a_rate_that_is_not_above_zero_and_at_most_a_billion_is_refused(text: str) -> None:
    """A rate of 0 would make amounts vanish, and an unbounded rate would make them unbounded."""
    with pytest.raises(TooLarge, match="above 0 and at most 1000000000"):
        parse_rate(text)


@pytest.mark.parametrize("text", ["0.0000000000000000001", "1.1234567890123456789", "1e-19", "1e-999999999999"])
def test_a_rate_has_at_most_eighteen_digits_after_the_point(text: str) -> None:
    """That is enough for any pair of currencies."""
    with pytest.raises(TooManyDigits, match="at most 18 digits"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("minor", "digits", "text"),
    [
        (1240, 2, "12.40"),
        (-1240, 2, "-12.40"),
        (-5, 2, "-0.05"),
        (0, 2, "0.00"),
        (0, 0, "0"),
        (-7, 0, "-7"),
        (5, 3, "0.005"),
        (12345, 4, "1.2345"),
        (MAX_MINOR, 2, "10000000000000.00"),
    ],
)
def test_an_amount_is_written_with_all_digits_of_its_currency(minor: int, digits: int, text: str) -> None:
    """And is parsed back to the same amount."""
    assert format_minor(minor, digits) == text
    assert parse_minor(text, digits) == minor


@pytest.mark.parametrize(
    ("minor", "digits", "rate", "base_digits", "base"),
    [
        (1000, 2, Decimal("98.40"), 2, 98400),
        (1, 2, Decimal("0.5"), 2, 0),
        (3, 2, Decimal("0.5"), 2, 2),
        (5, 2, Decimal("0.5"), 2, 2),
        (5, 2, Decimal("0.50000000001"), 2, 3),
        (-1, 2, Decimal("0.5"), 2, 0),
        (-3, 2, Decimal("0.5"), 2, -2),
        (-5, 2, Decimal("0.5"), 2, -2),
        (100, 0, Decimal("0.61"), 2, 6100),
        (12345, 3, Decimal(1), 2, 1234),
        (12355, 3, Decimal(1), 2, 1236),
        (150, 2, Decimal(1), 0, 2),
        (250, 2, Decimal(1), 0, 2),
        (10, 2, Fraction(1, 3), 2, 3),
        (MAX_MINOR, 0, Decimal(1000000000), 4, 10**28),
    ],
)
def test_conversion_rounds_half_to_even(
    minor: int, digits: int, rate: Decimal | Fraction, base_digits: int, base: int
) -> None:
    """Between currencies with any number of digits, for positive and negative amounts."""
    assert convert(minor, digits, rate, base_digits) == base


@pytest.mark.parametrize(
    ("code", "digits"),
    [("RUB", 2), ("USD", 2), ("EUR", 2), ("JPY", 0), ("KRW", 0), ("KWD", 3), ("TND", 3), ("CLF", 4), ("MGA", 2)],
)
def test_a_currency_has_the_digits_of_iso_4217(code: str, digits: int) -> None:
    """At least one currency for each number of digits, and some that are often confused."""
    assert DIGITS[code] == digits


@pytest.mark.parametrize("code", ["XXX", "XTS", "XAU", "XDR", "DEM", "RUR", "BTC", "rub", "", "RU", "RUBB"])
def test_codes_that_are_not_in_circulation_are_unknown(code: str) -> None:
    """Codes without minor units, withdrawn codes, and anything not written as in ISO 4217."""
    assert code not in DIGITS


def test_every_currency_code_is_three_capital_letters() -> None:
    """ISO 4217 has some 160, besides the few withdrawn since 2023; 26 of them do not have two digits."""
    assert all(len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() for code in DIGITS)
    assert 160 <= len(DIGITS) <= 185
    assert sum(digits != 2 for digits in DIGITS.values()) == 26
