"""A question says what is wrong with the file, and never suggests a reading that is wrong."""

from pathlib import Path
from typing import Final

import pytest

from agents.importing.findings import FileError, ImportRefused
from agents.importing.mapping.expression import Column
from agents.importing.mapping.mapping import Mapping, combine
from agents.importing.reading.opening import open_sources
from agents.importing.staging.stage import stage
from agents.importing.understanding import UnderstandOptions, understand
from tests.unit.agents.importing.understood_files import ROUBLES, UTC, understand_files, understand_text


def asked(folder: Path, text: str) -> dict[str, tuple[str, str]]:
    """Return text and option of the questions about a file, by subject."""
    path = folder / "sales.csv"
    path.write_text(text)
    with stage(open_sources(path, UTC.read_options()), lambda _: None) as staging:
        questions = understand(staging, UTC, ROUBLES, UnderstandOptions()).questions
    return {each.subject: (each.text, each.option) for each in questions}


def sales(header: str, *rows: str) -> str:
    return "\n".join((header, *rows)) + "\n"


def test_a_column_of_texts_in_place_of_amounts_is_named_with_its_first_text(tmp_path: Path) -> None:
    rows = (f"{number},2025-05-0{number},u{number}@example.com,abc" for number in range(1, 4))
    text, _ = asked(tmp_path, sales("order_id,date,email,amount", *rows))["amount"]
    assert text.startswith("Most cells of amount are no numbers, such as 'abc' in line 2. ")


@pytest.mark.parametrize("date", ["9999-12-31", "1901-01-01"])
def test_dates_outside_all_years_are_named(tmp_path: Path, date: str) -> None:
    rows = (f"{number},{date},u{number}@example.com,1.50" for number in range(1, 4))
    text, _ = asked(tmp_path, sales("order_id,date,email,amount", *rows))["occurred_at"]
    assert text.startswith(f"Most cells of date are no dates of the years 1970 to 2199, such as '{date}' in line 2. ")


@pytest.mark.parametrize(
    ("columns", "rows", "field", "hint"),
    [
        ("Сотрудник,Дата,Сумма", ("Ivanov,2025-05-01,10.50", "Petrov,2025-05-02,11.50"), "customer_id", "…"),
        ("Номер задания,Дата,Сумма", ("N5,2025-05-01,10.50", "N7,2025-05-02,11.50"), "customer_id", "…"),
        (
            "order_id,date,email,Total without VAT,Total with VAT",
            ("1,2025-05-01,a@example.com,10.50,12.60", "2,2025-05-02,b@example.com,11.50,13.80"),
            "amount",
            "Total with VAT",
        ),
        (
            "order_id,date,email,amount_cents",
            ("1,2025-05-01,a@example.com,1050", "2,2025-05-02,b@example.com,1150"),
            "amount",
            "…",
        ),
        (
            "SKU,Цена,Дата поступления,Email",
            ("a,10.50,2025-05-01,a@example.com", "b,11.50,2025-05-02,b@example.com"),
            "occurred_at",
            "…",
        ),
    ],
    ids=["employees", "order numbers", "without a tax", "cents", "date of arrival"],
)
def test_only_a_likely_column_is_suggested(
    tmp_path: Path, columns: str, rows: tuple[str, ...], field: str, hint: str
) -> None:
    _, option = asked(tmp_path, sales(columns, *rows))[field]
    assert option.startswith(f'--field {field}="{hint}"')


CENTS: Final = sales(
    "order_id,date,email,amount_cents", "1,2025-05-01,a@example.com,1050", "2,2025-05-02,b@example.com,1150"
)


def reading_amount(divide: int) -> Mapping:
    return combine(UTC, Mapping(fields={"amount": Column("amount_cents", divide=divide)}))


def test_amounts_in_cents_are_named_with_the_remedy(tmp_path: Path) -> None:
    text, _ = asked(tmp_path, CENTS)["amount"]
    assert text.startswith("Amounts must be in whole units of the currency, and amount_cents is in hundredths of ")
    assert 'amount = { column = "amount_cents", divide = 100 }' in text
    found = understand_text(tmp_path, CENTS, reading_amount(divide=100))
    assert found.amounts() == {"1": "10.50", "2": "11.50"}
    assert "amount.unit" not in found.assumed


def test_a_column_of_cents_that_is_taken_as_it_is_is_stated(tmp_path: Path) -> None:
    found = understand_text(tmp_path, CENTS, reading_amount(divide=1))
    assert found.amounts() == {"1": "1050.00", "2": "1150.00"}
    assert found.assumed["amount.unit"] == "amount_cents in whole units of the currency"


def test_sums_of_several_orders_are_refused_under_any_name(tmp_path: Path) -> None:
    rows = ("a,2025-05-01,3,10.50", "b,2025-05-02,4,11.50")
    with pytest.raises(ImportRefused, match="counts orders in Количество заказов"):
        asked(tmp_path, sales("Клиент,Дата последней покупки,Количество заказов,Сумма покупок", *rows))


def test_a_column_of_addresses_is_the_customer_unless_they_are_of_others(tmp_path: Path) -> None:
    rows = ("1,2025-05-01,10.50,a@example.com,x@shop.example", "2,2025-05-02,11.50,b@example.com,y@shop.example")
    header = "order_id,date,amount,Email плательщика,Почта менеджера"
    found = understand_files(tmp_path, {"a.csv": sales(header, *rows)})
    assert found.customers() == ["a@example.com", "b@example.com"]


def test_a_file_of_blank_lines_is_empty(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbf \n\n")
    with pytest.raises(FileError, match="is empty, apart from blank lines"):
        open_sources(tmp_path / "a.csv", UTC.read_options())


def test_rows_that_cannot_be_read_are_rows(tmp_path: Path) -> None:
    rows = ("1,2025-05-01,10.50,a@example.com", "2,2025-05-02,11\0.50,b@example.com", "3,2025-05-03,1.50,c@example.com")
    found = understand_files(tmp_path, {"a.csv": sales("order_id,date,amount,email", *rows)})
    assert (found.totals.rows, found.totals.orders, found.left_out["unreadable"][0]) == (3, 2, 1)


def test_a_file_whose_cells_are_not_separated_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"has one column, 'order_id\^date\^amount'; .* give --delimiter '\^'"):
        asked(tmp_path, sales("order_id^date^amount", "1^2025-05-01^10.50", "2^2025-05-02^11.50"))


def test_a_file_that_belongs_to_no_other_is_named(tmp_path: Path) -> None:
    orders = sales("order_id,date,amount,email", "1,2025-05-01,10.50,a@example.com", "2,2025-05-02,1.50,b@example.com")
    goods = sales("sku,title", "a,Cup", "b,Bowl")
    with pytest.raises(ImportRefused, match=r"^goods.csv has neither amounts nor dates \(its columns are sku, title\)"):
        understand_files(tmp_path, {"orders.csv": orders, "goods.csv": goods})


@pytest.mark.parametrize(
    ("subject", "dates", "amounts", "text"),
    [
        ("occurred_at.order", ("05/06/2025", "06/07/2025"), ("10.50", "11.50"), "Which comes first in Day, the day"),
        ("amount.decimal", ("2025-05-01", "2025-05-02"), ("1.500", "2.500"), "Is the decimal sign of Sum a point"),
    ],
)
def test_questions_name_the_column_of_the_file(
    tmp_path: Path, subject: str, dates: tuple[str, str], amounts: tuple[str, str], text: str
) -> None:
    rows = (f"{number},{dates[number]},{amounts[number]},{number}@example.com" for number in range(2))
    assert asked(tmp_path, sales("order_id,Day,Sum,email", *rows))[subject][0].startswith(text)


def test_a_few_foreign_orders_need_a_rate(tmp_path: Path) -> None:
    rows = ("1,2025-05-01,10.50,RUB", "2,2025-05-02,11.50,RUB", "3,2025-05-03,12.50,USD")
    with pytest.raises(ImportRefused, match=r'most of the file, without a rate for USD; add \[rates\] with USD = "…"'):
        understand_files(tmp_path, {"a.csv": sales("email,date,amount,currency", *rows)})


def test_columns_of_one_name_with_the_same_contents_are_stated(tmp_path: Path) -> None:
    rows = ("a@example.com,2025-05-01,10.50,10.50", "b@example.com,2025-05-02,11.50,11.50")
    found = understand_files(tmp_path, {"a.csv": sales("email,date,amount,amount", *rows)})
    assert found.assumed["columns.equal"] == "amount"


def test_a_count_of_records_below_the_table_is_a_note(tmp_path: Path) -> None:
    rows = [f"{number},o{number},2025-05-01,10.50,{number}@example.com,Cup" for number in range(1, 13)]
    text = sales("no,order_id,date,amount,email,item", *rows, "12,record(s) downloaded,,,,")
    found = understand_files(tmp_path, {"a.csv": text})
    assert (found.totals.orders, found.left_out) == (12, {"note": (1, [14])})
