"""Columns recognized by what is in them, where their names say little."""

from pathlib import Path

import pytest

from agents.importing.findings import ImportRefused
from tests.unit.agents.importing.understood_files import understand_files, understand_text

SALES = "{0},date,email,amount\n{1},2025-05-01,a@example.com,100.00\n{2},2025-05-02,b@example.com,50.00\n"


@pytest.mark.parametrize("name", ["ID", "Номер", "№", "number", "No.", "Numéro"])
@pytest.mark.parametrize("numbers", [("000012", "000015"), ("CB-7", "CB-9"), ("1202", "1203")])
def test_a_column_whose_name_says_little_is_the_order_number(
    tmp_path: Path, name: str, numbers: tuple[str, str]
) -> None:
    found = understand_text(tmp_path, SALES.format(name, *numbers))
    assert [event["order_id"] for event in found.of("purchase")] == list(numbers)


@pytest.mark.parametrize("numbers", [("1", "2"), ("7", ""), ("1.50", "2.50")])
def test_numbers_of_rows_and_of_some_rows_are_no_order_numbers(tmp_path: Path, numbers: tuple[str, str]) -> None:
    found = understand_text(tmp_path, SALES.format("№", *numbers))
    assert all(event["order_id"].startswith("imp-") for event in found.of("purchase"))


def test_a_number_that_returns_at_another_moment_is_no_order_number(tmp_path: Path) -> None:
    found = understand_text(tmp_path, SALES.format("ID", "17", "17"))
    assert found.assumed["order_id"] == "each row is an order"


def test_numbers_of_json_orders_are_found(tmp_path: Path) -> None:
    order = '{{"number": {}, "email": "a@example.com", "created_at": "2025-05-12T10:00:00Z", "total": "100.00"}}'
    found = understand_files(tmp_path, {"orders.json": f"[{order.format(1001)}, {order.format(1007)}]"})
    assert list(found.amounts()) == ["1001", "1007"]


def test_a_number_is_preferred_to_the_title_of_a_document(tmp_path: Path) -> None:
    title = "Реализация товаров {} от 04.02.2025"
    text = "Документ;Номер;Дата;Код карты;Контрагент;Сумма\n" + "".join(
        f"{title.format(n)};ЦБ-{n};0{n}.02.2025;7{n};Нина Бо;10,50\n" for n in (4, 5)
    )
    found = understand_text(tmp_path, text)
    assert (list(found.amounts()), found.customers()) == (["ЦБ-4", "ЦБ-5"], ["74", "75"])


# --- States of orders

STATES = "order_id,date,email,amount,{}\no1,2025-05-01,a@example.com,100.00,{}\no2,2025-05-02,b@example.com,50.00,{}\n"


@pytest.mark.parametrize(
    ("name", "counts", "skip"),
    [
        ("État", "Paiement accepté, payé", "Annulé"),
        ("Stan", "Opłacone", "Anulowane"),
        ("Отметка", "Оплачен", "Отменен"),
        ("Fulfilment", "Delivered", "Cancelled"),
    ],
)
def test_states_of_orders_are_known_by_their_words(tmp_path: Path, name: str, counts: str, skip: str) -> None:
    found = understand_text(tmp_path, STATES.format(name, f'"{counts}"', skip))
    assert (list(found.amounts()), found.left_out) == (["o1"], {"status": (1, [3])})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Subscription", ("Cancelled", "Paid")),
        ("Комментарий", ("отмена", "оплачен")),
        ("Delivery", ("Courier", "Post")),
        ("Mark", ("Delivered", "Shipped")),
    ],
)
def test_words_of_other_things_are_no_states_of_orders(tmp_path: Path, name: str, words: tuple[str, str]) -> None:
    found = understand_text(tmp_path, STATES.format(name, *words))
    assert (len(found.amounts()), "status.column" in found.assumed) == (2, False)


# --- Shares and sums that are no amounts


def test_a_share_is_no_amount(tmp_path: Path) -> None:
    text = "order_id,date,email,amount\no1,2025-05-01,a@example.com,10%\no2,2025-05-02,b@example.com,20%\n"
    with pytest.raises(ImportRefused, match="no order at all"):
        understand_text(tmp_path, text)


def test_a_dated_sum_of_all_sales_is_no_sale(tmp_path: Path) -> None:
    text = "Дата;Покупатель;Сумма\n04.02.2025;Нина Бо;1 074,27\n13.02.2025;Ира Лис;544,50\n28.02.2025;Итого;{}\n"
    found = understand_text(tmp_path, text.format("1 618,77"))
    assert (found.totals.gross_minor, found.left_out) == (161_877, {"total_row": (1, [4])})
    other = understand_text(tmp_path, text.format("1 618,78"))  # it is a sum of nothing
    assert other.totals.orders == 3


def test_a_sum_without_a_word_is_no_sale(tmp_path: Path) -> None:
    text = (
        "№;Время;Клиент;Сумма;Статус\n12;04.02.2025;А;1 074,27;Оплачен\n19;13.02.2025;Б;544,50;Оплачен\n;;;1 618,77;\n"
    )
    found = understand_text(tmp_path, text)
    assert (found.totals.orders, found.left_out) == (2, {"total_row": (1, [4])})
