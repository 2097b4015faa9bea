"""Numbers of a column: which texts are numbers, and how the column decides between two readings."""

from decimal import Decimal
from typing import Literal

import pytest

from agents.importing.columns.column_value import MAX_UNREADABLE, CellError, ColumnValue, MissingCell
from agents.importing.columns.numbers.decision import NumberDecision, NumberFormat, decide_numbers, parse_number


def decide(*texts: str, decimal: str | None = None, typed: bool = False) -> NumberDecision:
    values = [ColumnValue(text, 1, line) for line, text in enumerate(texts, start=2)]
    return decide_numbers(values, "amount", decimal=decimal, typed=typed)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("-0.00", "0"),
        ("250", "250"),
        ("00250", "250"),
        ("4821.70", "4821.70"),
        ("4821,70", "4821.70"),
        (".5", "0.5"),
        (",5", "0.5"),
        ("-.5", "-0.5"),
        ("12.", "12"),
        ("0.125", "0.125"),
        ("0,125", "0.125"),
        ("10.0000", "10"),
        ("4821.705", "4821.705"),
        ("7,316.40", "7316.40"),
        ("7.316,40", "7316.40"),
        ("7 316,40", "7316.40"),
        ("7 316.40", "7316.40"),
        ("7\u00a0316,40", "7316.40"),
        ("7\u202f316,40", "7316.40"),
        ("7\u2009316,40", "7316.40"),
        ("7'316.40", "7316.40"),
        ("7’316.40", "7316.40"),
        ("7’316,40", "7316.40"),
        ("7 316", "7316"),
        ("2,718,281", "2718281"),
        ("2.718.281", "2718281"),
        ("2.718.281,8", "2718281.8"),
        ("1,60,000", "160000"),
        ("3,45,67,890.25", "34567890.25"),
        ("+17", "17"),
        ("-17", "-17"),
        ("- 17", "-17"),
        ("−17,5", "-17.5"),
        ("17.5-", "-17.5"),
        ("(17.50)", "-17.50"),
        ("($17.50)", "-17.50"),
        ("-$17.50", "-17.50"),
        ("$-17.50", "-17.50"),
        ("$ 7,316.40", "7316.40"),
        ("€7316,40", "7316.40"),
        ("7.316,40 €", "7316.40"),
        ("R$ 7.316,40", "7316.40"),
        ("₹7,31,640.00", "731640"),
        ("7 316,40 ₽", "7316.40"),
        ("7 316,40 руб.", "7316.40"),
        ("7316,40р.", "7316.40"),
        ("7316.40 USD", "7316.40"),
        ("US$7,316.40 USD", "7316.40"),
        ("USD7316.40", "7316.40"),
        ("Rs.500", "500"),
        ("7 316,- Kč", "7316"),
        ("7.316,-", "7316"),
        ("12.-", "12"),
        ("\u200e$17.50", "17.50"),
        ("9 000 so'm", "9000"),
        ("1.5e3", "1500"),
        ("2e-05", "0.00002"),
    ],
)
def test_a_text_that_is_one_number_is_read_as_it_whatever_the_decimal_sign(text: str, value: str) -> None:
    formats = NumberFormat(None), NumberFormat("."), NumberFormat(",")
    assert [parse_number(text, each) for each in formats] == [Decimal(value)] * 3


@pytest.mark.parametrize(
    ("text", "point", "comma"),
    [
        ("7,316", "7316", "7.316"),
        ("7.316", "7.316", "7316"),
        ("12.500", "12.500", "12500"),
        ("(123,456 €)", "-123456", "-123.456"),
    ],
)
def test_a_text_that_can_be_two_numbers_is_read_by_the_decimal_sign_of_the_column(
    text: str, point: str, comma: str
) -> None:
    assert parse_number(text, NumberFormat(".")) == Decimal(point)
    assert parse_number(text, NumberFormat(",")) == Decimal(comma)
    with pytest.raises(CellError, match="can be two numbers"):
        parse_number(text, NumberFormat(None))


@pytest.mark.parametrize(
    "text",
    [
        "abc",
        "",
        "12.05.2025",
        "1,2,3",
        "1,23,45",
        "1.23.456",
        "1 23",
        "1  234",
        "1,234 567",
        "1.0.€",
        ".€1",
        "1.234.567.89",
        "0,123,456",
        "--5",
        "(-5)",
        "(5",
        "5)",
        "5-6",
        "12 pieces",
        "17.50 EUR USD",
        "$17.50 EUR",
        "1/2",
        "½",
        "1.23E+05",
        "٣٤",
        "１２",
        "12e",
        "1_000",
        "9" * 81,
    ],
)
def test_a_text_that_is_no_number_is_an_error(text: str) -> None:
    with pytest.raises(CellError, match="must"):
        parse_number(text, NumberFormat("."))


@pytest.mark.parametrize("text", ["-", "—", "N/A", "n/a", "null", "NaN", "нет данных", "\\N"])
def test_a_text_for_nothing_is_missing(text: str) -> None:
    with pytest.raises(MissingCell):
        parse_number(text, NumberFormat("."))


@pytest.mark.parametrize(
    ("texts", "sign"),
    [
        (["12.500", "7.316,40"], ","),
        (["12,500", "7,316.40"], "."),
        (["12.500", "2.718.281"], ","),
        (["12,500", "1,60,000"], "."),
        (["12.500", "0.250", "4821.500"], "."),
        (["22.368", "14.62"], "."),
        (["12.500", "19,90"], ","),
        (["12,500", "0.5", "250"], "."),
        (["12.500", "7.316,-"], ","),
    ],
)
def test_one_number_proves_the_decimal_sign_of_all(texts: list[str], sign: str) -> None:
    decision = decide(*texts)
    assert decision.question is None
    assert decision.format == NumberFormat("," if sign == "," else ".")
    assert decision.assumptions[0].value == sign
    assert "line " in decision.assumptions[0].evidence


@pytest.mark.parametrize(
    ("texts", "choices"),
    [
        (["12.500", "250"], {".": "12.500 -> 12.50", ",": "12.500 -> 12500"}),
        (["7,316", "7.316"], {".": "7.316 -> 7.316", ",": "7.316 -> 7316"}),
        (["12.500", "19.90"], {".": "12.500 -> 12.50", ",": "12.500 -> 12500"}),
        (["12.500", "7,316.40", "7.316,40"], {".": "12.500 -> 12.50", ",": "12.500 -> 12500"}),
        (["12.500", "2,718,281"], {".": "12.500 -> 12.50", ",": "12.500 -> 12500"}),
    ],
)
def test_what_nothing_proves_is_asked_with_the_results(texts: list[str], choices: dict[str, str]) -> None:
    decision = decide(*texts)
    assert decision.format is None
    assert decision.question is not None
    assert decision.question.key == "decimal"
    assert "--decimal" in decision.question.option
    assert {choice.value for choice in decision.question.choices} == set(choices)
    for choice in decision.question.choices:
        assert choices[choice.value] in choice.meaning


def test_an_answer_decides() -> None:
    decision = decide("12.500", "250", decimal=",")
    assert decision.question is None
    assert decision.format == NumberFormat(",")


def test_no_option_makes_a_number_that_has_one_reading_another_one() -> None:
    decision = decide("1,500.00", decimal=",")
    assert decision.format is not None
    assert parse_number("1,500.00", decision.format) == 1500


def test_numbers_of_the_file_have_a_point() -> None:
    decision = decide("12.500", "1E-7", typed=True)
    assert decision.format == NumberFormat(".", typed=True)
    assert parse_number("12.500", NumberFormat(".", typed=True)) == Decimal("12.5")


def test_a_column_without_fractions_needs_no_decision() -> None:
    decision = decide("250", "7 316")
    assert (decision.question, decision.assumptions, decision.format) == (None, [], NumberFormat(None))


def test_missing_and_unreadable_texts_are_counted_and_decide_nothing() -> None:
    decision = decide("250", "-", "abc", "12.05.2025")
    assert decision.missing_cells == 1
    assert [value.text for value in decision.unreadable] == ["abc", "12.05.2025"]
    assert decision.unreadable_cells == 2


def test_currencies_and_percent_are_reported_with_the_first_text() -> None:
    decision = decide("7 316 ₽", "12 ₽", "€5", "15%")
    assert {codes[0]: value.text for codes, value in decision.currencies.items()} == {"RUB": "7 316 ₽", "EUR": "€5"}
    assert decision.percent is not None
    assert decision.percent.text == "15%"


def test_a_percentage_is_no_amount() -> None:
    with pytest.raises(CellError, match="must be an amount"):
        parse_number("15%", NumberFormat("."))


def test_a_rate_is_a_percentage_or_a_share() -> None:
    rate = NumberFormat(".", rate=True)
    assert parse_number("15%", rate) == parse_number("0.15", rate) == Decimal("0.15")
    assert parse_number("12,5 %", rate) == Decimal("0.125")
    with pytest.raises(CellError, match="share"):
        parse_number("15", rate)


@pytest.mark.parametrize(
    ("texts", "decimal", "evidence"),
    [
        (["12.500", "7,316.40"], ".", 'line 3: "7,316.40" can only have a point as its decimal sign'),
        (["12.500", "2.718.281"], None, 'line 3: "2.718.281" has points between thousands; line 2: 12.500 -> 12500'),
        (
            ["12.500", "19,90"],
            None,
            'line 3: "19,90" can only have a comma as its decimal sign; line 2: 12.500 -> 12500',
        ),
        (["12.500"], ",", "given; line 2: 12.500 -> 12500"),
        (["7,316.40", "7.316,40"], None, "each of these is read so"),
    ],
)
def test_the_evidence_names_the_line_and_the_result(texts: list[str], decimal: str | None, evidence: str) -> None:
    assert evidence in decide(*texts, decimal=decimal).assumptions[0].evidence


@pytest.mark.parametrize(
    ("texts", "elsewhere", "sign"),
    [
        (["12.500", "250"], ",", ","),
        (["12,500", "250"], ".", "."),
        (["12.345", "250"], ".", "."),
        # A point before 500 is no decimal sign although other columns have one: they do not write 12.5 so.
        (["12.500", "250"], ".", None),
        (["12.500", "19,90"], ".", ","),
        (["12.500", "7,316.40", "7.316,40"], ".", None),
    ],
)
def test_other_columns_decide_what_this_one_leaves_open(
    texts: list[str], elsewhere: Literal[".", ","], sign: str | None
) -> None:
    values = [ColumnValue(text, 1, line) for line, text in enumerate(texts, start=2)]
    decision = decide_numbers(values, "amount", elsewhere=elsewhere)
    assert (decision.format and decision.format.decimal) == sign
    assert (decision.question is None) == (sign is not None)


def test_other_columns_prove_nothing_about_numbers_that_need_no_decision() -> None:
    assert decide_numbers([ColumnValue("250", 1, 2)], "amount", elsewhere=",").format == NumberFormat(None)


def test_a_column_of_other_texts_is_given_up_early() -> None:
    values = (ColumnValue(f"text {line}", 1, line) for line in range(2, 100_000))
    assert decide_numbers(values, "amount").unreadable_cells == MAX_UNREADABLE
    assert next(values).first_line == MAX_UNREADABLE + 2
