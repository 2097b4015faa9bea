"""Currencies of a column: codes, numbers, signs and words, and what decides between several meanings."""

from pathlib import Path

import pytest

from agents.importing.columns.column_value import CellError, ColumnValue, MissingCell
from agents.importing.columns.currencies import currency_candidates, read_currency
from agents.importing.columns.currency_decision import CurrencyDecision, decide_currencies, decide_currency_signs
from agents.importing.columns.numbers.decision import NumberFormat, NumberParser, decide_numbers
from agents.importing.understanding import PolicyInfo
from state.units.currencies import DIGITS
from tests.unit.agents.importing.understood_files import UTC, understand_text


def decide(*texts: str, known: tuple[str, ...] = ()) -> CurrencyDecision:
    return decide_currencies([ColumnValue(text, 1, line) for line, text in enumerate(texts, start=2)], known=known)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("usd", "USD"),
        (" EUR ", "EUR"),
        ("643", "RUB"),
        ("810", "RUB"),
        ("978", "EUR"),
        ("008", "ALL"),
        ("RUR", "RUB"),
        ("₽", "RUB"),
        ("руб.", "RUB"),
        ("Рублей", "RUB"),
        ("тг.", "KZT"),
        ("тенге", "KZT"),
        ("грн.", "UAH"),
        ("zł", "PLN"),
        ("złotych", "PLN"),
        ("Kč", "CZK"),
        ("US$", "USD"),
        ("US $", "USD"),
        ("R$", "BRL"),
        ("£", "GBP"),
        ("so’m", "UZS"),
        ("Ft", "HUF"),
    ],
)
def test_a_text_for_one_currency_is_read(text: str, code: str) -> None:
    assert read_currency(text) == code


@pytest.mark.parametrize("text", ["$", "kr", "¥", "dollars", "Rs."])
def test_a_text_for_several_currencies_is_not_read_alone(text: str) -> None:
    assert len(currency_candidates(text)) > 1
    assert read_currency(text) is None


@pytest.mark.parametrize("text", ["", "abc", "XXX", "999", "U S", "x" * 1000, "BYR"])
def test_other_texts_are_no_currencies(text: str) -> None:
    assert currency_candidates(text) == ()
    assert read_currency(text, {"USD"}) is None


def test_every_candidate_is_a_known_currency() -> None:
    for word in ("$", "₽", "kr", "руб", "£", "lei", "Bs", "CFA", "R", "сом"):
        assert set(currency_candidates(word)) <= set(DIGITS)


def test_a_known_currency_decides() -> None:
    assert read_currency("$", {"CAD", "EUR"}) == "CAD"
    assert read_currency("руб.", {"BYN"}) == "BYN"
    assert read_currency("$", {"CAD", "USD"}) is None


def test_a_code_in_the_column_decides_what_its_signs_mean() -> None:
    decision = decide("$", "cad", "руб.", "BYN", "-", "gold")
    assert decision.question is None
    assert [decision.read(text) for text in ("$", "cad", "руб.")] == ["CAD", "CAD", "BYN"]
    assert set(decision.codes) == {"CAD", "BYN"}
    assert 'line 2: "$" is CAD: line 3: "cad"' in {each.evidence for each in decision.assumptions}
    assert decision.missing_cells == 1
    assert [value.text for value in decision.unreadable] == ["gold"]
    with pytest.raises(CellError, match='must be a currency: got "gold"'):
        decision.read("gold")
    with pytest.raises(MissingCell):
        decision.read("-")


def test_the_most_certain_known_currency_decides() -> None:
    assert decide("$", known=("MXN", "USD")).read("$") == "MXN"
    assert decide("$", known=("RUB", "USD")).read("$") == "USD"


def test_a_word_with_a_usual_meaning_is_assumed() -> None:
    decision = decide("руб.", known=("EUR",))
    assert decision.read("руб.") == "RUB"
    assert [each.option for each in decision.assumptions] == ["--currency"]


def test_what_nothing_decides_is_asked() -> None:
    decision = decide("$", known=("EUR",))
    assert decision.question is not None
    assert decision.question.key == "currency"
    assert [choice.value for choice in decision.question.choices][:3] == ["USD", "CAD", "AUD"]
    assert 'line 2: "$"' in decision.question.text
    assert "--currency USD" in decision.question.option
    with pytest.raises(CellError):
        decision.read("$")


def test_signs_beside_amounts_are_decided_alike() -> None:
    amounts = ["$1,234.50", "12.50 USD", "7 kr"]
    numbers = decide_numbers([ColumnValue(text, 1, line) for line, text in enumerate(amounts, start=2)], "amount")
    decision = decide_currency_signs(numbers.currencies, known=["SEK"])
    parser = NumberParser(NumberFormat("."))
    assert [decision.meaning(parser.currencies(text)) for text in amounts] == ["USD", "USD", "SEK"]
    assert decision.meaning(parser.currencies("5")) is None


def test_sums_in_several_currencies_that_are_converted_to_one_are_in_that_one(tmp_path: Path) -> None:
    text = "Created date (UTC),Amount,Currency,Converted Amount,Converted Currency,Status,Customer ID\n" + "".join(
        f"2024-06-07 02:38:5{n},{n}0.00,{code},{n}00.00,thb,Paid,cus_{n}\n"
        for n, code in enumerate(("usd", "usd", "eur", "mxn"), 1)
    )
    found = understand_text(tmp_path, text, UTC, PolicyInfo(None))
    assert {event["currency"] for event in found.events} == {"THB"}
    assert (found.totals.gross_minor, found.assumed["currency"]) == (100_000, "THB")
