"""Amounts, currencies and rates of published records."""

import pytest

from state.units.money import MAX_MINOR
from tests.records.published import admit_record, assert_rejected, event_of, record, record_of_texts


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ('"1240.50"', 124050),
        ("1240.50", 124050),
        ("1240.5", 124050),
        ("1240", 124000),
        ('"1240"', 124000),
        ("1.2405e3", 124050),
        ('"1.2405E+3"', 124050),
        ("124050e-2", 124050),
        ('"1240.5000000000"', 124050),
        ('"\\u0031.50"', 150),
        ("0", 0),
        ("0.00", 0),
        ("-0", 0),
        ('"-0.00"', 0),
        ("0e999999999", 0),
        ("10000000000000", MAX_MINOR),
        ("10000000000000.000", MAX_MINOR),
        ("9999999999999.99", MAX_MINOR - 1),
        ("0.29", 29),
        ("1.005e1", 1005),
    ],
)
def test_an_amount_is_a_number_in_quotes_or_not(text: str, minor: int) -> None:
    """It is exact: the float 0.29 times 100 would be truncated to 28."""
    purchase = event_of("purchases", record_of_texts("purchases", amount=text))
    assert (purchase.amount, purchase.base, purchase.rate) == (minor, minor, None)
    if minor:
        assert event_of("refunds", record_of_texts("refunds", amount=text)).amount == minor


@pytest.mark.parametrize("source", ["purchases", "refunds"])
@pytest.mark.parametrize(
    "text",
    [
        *('""', '"abc"', '" 1"', '"1 "', '"+1"', '"0x10"', '"1_000"', '"1,5"', '".5"', '"1."', '"01"', '"٣"', '"１"'),
        *('"NaN"', '"1e"', '"\\ud800"', '"\\u0000"', "true", "false", "[]", "[1]", "{}", '{"value": 1}'),
    ],
)
def test_an_amount_that_is_not_a_number_is_invalid(source: str, text: str) -> None:
    """Only JSON's syntax of numbers is read, in quotes or not."""
    assert_rejected(
        admit_record(source, record_of_texts(source, amount=text)), "invalid", "amount must be a decimal number"
    )


@pytest.mark.parametrize("source", ["purchases", "refunds"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-1", "must"),
        ('"-0.01"', "must"),
        ("-1e-9", "must"),
        ("-1e99", "must"),
        ("0.001", "at most 2 digits"),
        ('"1240.505"', "at most 2 digits"),
        ("1e-999999999", "at most 2 digits"),
        ("10000000000000.01", "at most 1000000000000000 minor units"),
        ("1e14", "at most 1000000000000000 minor units"),
        ("1e999999999", "at most 1000000000000000 minor units"),
        ("9" * 60_000, "at most 1000000000000000 minor units"),
        ('"' + "9" * 60_000 + '"', "at most 1000000000000000 minor units"),
    ],
)
def test_an_impossible_amount_is_rejected_as_amount(source: str, text: str, expected: str) -> None:
    """Negative, with too many digits, or over 10^15 minor units."""
    outcome = admit_record(source, record_of_texts(source, amount=text))
    assert_rejected(outcome, "amount", "amount", expected, text.strip('"')[:60])


@pytest.mark.parametrize("text", ["0", '"0.00"', "-0", "0e5"])
def test_a_refund_of_zero_is_rejected_as_amount(text: str) -> None:
    """A purchase of zero is admitted."""
    assert_rejected(
        admit_record("refunds", record_of_texts("refunds", amount=text)), "amount", "amount must be more than zero"
    )


@pytest.mark.parametrize(
    ("currency", "text", "minor"),
    [("JPY", "1240", 1240), ("JPY", '"1240.00"', 1240), ("KWD", '"1.234"', 1234), ("CLF", '"1.2345"', 12345)],
)
def test_an_amount_has_the_digits_of_its_currency(currency: str, text: str, minor: int) -> None:
    """None for JPY, three for KWD."""
    assert (
        event_of("purchases", record_of_texts("purchases", amount=text, currency=f'"{currency}"', rate="2")).amount
        == minor
    )


@pytest.mark.parametrize(("currency", "text"), [("JPY", "1240.5"), ("KWD", '"1.2345"'), ("RUB", "1.234")])
def test_an_amount_with_too_many_digits_is_rejected_as_amount(currency: str, text: str) -> None:
    """The detail names the currency."""
    outcome = admit_record("purchases", record_of_texts("purchases", amount=text, currency=f'"{currency}"', rate="2"))
    assert_rejected(outcome, "amount", "amount must have at most", currency, text.strip('"'))


def test_a_discount_follows_the_rules_of_an_amount() -> None:
    """And is converted to the base currency."""
    assert event_of("purchases", record("purchases", discount=0)).discount == 0
    assert event_of("purchases", record("purchases", discount="2.50", currency="EUR")).discount == 24600
    assert event_of("purchases", record("purchases", discount="2.50", currency="EUR", rate="2")).discount == 500
    assert_rejected(admit_record("purchases", record("purchases", discount=-1)), "amount", "discount", "-1")
    assert_rejected(admit_record("purchases", record("purchases", discount="0.001")), "amount", "discount", "'0.001'")
    assert_rejected(admit_record("purchases", record("purchases", discount=10**14)), "amount", "discount")
    assert_rejected(admit_record("purchases", record("purchases", discount=True)), "invalid", "discount", "true")
    assert_rejected(admit_record("purchases", record("purchases", discount="")), "invalid", "discount", "''")


@pytest.mark.parametrize(
    ("fields", "base", "rate"),
    [
        ({"currency": "RUB"}, 124050, None),
        ({"currency": "RUB", "rate": "5"}, 124050, None),
        ({"currency": "RUB", "rate": 0}, 124050, None),
        ({"currency": "EUR"}, 12206520, "98.40"),
        ({"currency": "EUR", "rate": None}, 12206520, "98.40"),
        ({"currency": "EUR", "rate": "100.10"}, 12417405, "100.10"),
        ({"currency": "EUR", "rate": 2}, 248100, "2"),
        ({"currency": "USD"}, 12405000, "100"),
        ({"currency": "GBP", "rate": "1.1e2"}, 13645500, "110"),
        ({"currency": "GBP", "rate": "0.000000000000000001"}, 0, "0.000000000000000001"),
        ({"currency": "EUR", "amount": "0.01", "rate": "0.5"}, 0, "0.5"),
        ({"currency": "EUR", "amount": "0.03", "rate": "0.5"}, 2, "0.5"),
        ({"currency": "JPY", "amount": "1000", "discount": None}, 61000, "0.61"),
        ({"currency": "KWD", "amount": "0.125", "rate": 1}, 12, "1"),
    ],
)
def test_the_events_rate_precedes_the_policys(fields: dict[str, object], base: int, rate: str | None) -> None:
    """The base currency needs none; half a minor unit is rounded to even."""
    purchase = event_of("purchases", record("purchases", **fields))
    assert (purchase.base, purchase.rate) == (base, rate)
    refund = event_of("refunds", record("refunds", **({"amount": "1240.50"} | fields)))
    assert (refund.base, refund.rate) == (base, rate)


def test_a_refund_with_an_order_needs_no_rate() -> None:
    """The rate of the order may apply; without an order a rate is required."""
    refund = event_of("refunds", record("refunds", currency="GBP"))
    assert (refund.amount, refund.base, refund.rate) == (4050, None, None)
    for order_id in (..., None, ""):
        outcome = admit_record("refunds", record("refunds", currency="GBP", order_id=order_id))
        assert_rejected(outcome, "currency", "rate of GBP must be given")
    assert_rejected(
        admit_record("purchases", record("purchases", currency="GBP")), "currency", "rate of GBP must be given"
    )


@pytest.mark.parametrize("source", ["purchases", "refunds", "contacts"])
@pytest.mark.parametrize("currency", ["ZZZ", "XXX", "XAU", "rub", "RUB ", "", "₽", "R\x00B"])
def test_an_unknown_currency_is_rejected_as_currency(source: str, currency: str) -> None:
    """Codes are those of ISO 4217, in upper case, without precious metals and test codes."""
    outcome = admit_record(source, record(source, currency=currency, rate="2"))
    assert_rejected(outcome, "currency", "currency must be the ISO 4217 code", repr(currency))


@pytest.mark.parametrize("source", ["purchases", "refunds", "contacts"])
@pytest.mark.parametrize("currency", [..., None, 643, True, ["RUB"], {}, "\ud800"])
def test_an_amount_without_a_currency_is_invalid(source: str, currency: object) -> None:
    """A currency that is not a string is of the wrong type rather than unknown."""
    assert_rejected(admit_record(source, record(source, currency=currency)), "invalid", "currency must be a string")


@pytest.mark.parametrize("source", ["purchases", "refunds"])
@pytest.mark.parametrize(
    "rate", ["0", 0.0, "-1", "1000000001", "1e10", "1e999999999", "0.0000000000000000001", "1e-999999999"]
)
def test_an_impossible_rate_is_rejected_as_currency(source: str, rate: object) -> None:
    """It must be above 0, at most 10^9, with at most 18 digits after the point."""
    assert_rejected(admit_record(source, record(source, currency="EUR", rate=rate)), "currency", "rate", str(rate))


@pytest.mark.parametrize("source", ["purchases", "refunds"])
@pytest.mark.parametrize("currency", ["RUB", "EUR"])
@pytest.mark.parametrize("rate", ["", "abc", " 1", True, [], {}, "\udfff"])
def test_a_rate_that_is_not_a_number_is_invalid(source: str, currency: str, rate: object) -> None:
    """Even in the base currency, which needs no rate."""
    assert_rejected(
        admit_record(source, record(source, currency=currency, rate=rate)), "invalid", "rate must be a decimal"
    )


@pytest.mark.parametrize("source", ["purchases", "refunds"])
def test_an_amount_too_large_in_the_base_currency_is_rejected_as_amount(source: str) -> None:
    """Even if it is small in its own currency."""
    at_bound = record(source, amount="10000000", currency="EUR", rate=10**6, discount=None)
    assert event_of(source, at_bound).base == MAX_MINOR
    above = record(source, amount="10000000.01", currency="EUR", rate=10**6)
    assert_rejected(admit_record(source, above), "amount", "amount must be at most 1000000000000000 minor units of RUB")


def test_a_contact_may_have_a_cost() -> None:
    """In a known currency, which needs no rate."""
    contact = event_of("contacts", record("contacts", cost="0.125", currency="KWD"))
    assert (contact.cost, contact.currency) == (125, "KWD")
    assert event_of("contacts", record("contacts", cost=None)).cost is None
    assert event_of("contacts", record("contacts", cost=..., currency=...)).currency is None
    assert_rejected(admit_record("contacts", record("contacts", cost="-0.01")), "amount", "cost", "'-0.01'")
    assert_rejected(admit_record("contacts", record("contacts", cost="0.001")), "amount", "cost")
    assert_rejected(admit_record("contacts", record("contacts", cost=[])), "invalid", "cost")
