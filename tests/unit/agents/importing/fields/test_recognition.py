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


# --- Orders that do not count


@pytest.mark.parametrize(
    ("name", "no", "yes", "reason"),
    [
        ("Cancelled", "no", "yes", "cancelled"),
        ("Отменен", "Нет", "Да (дубль)", "cancelled"),
        ("cancelled_at", "", "2025-05-03 10:00:00", "cancelled"),
        ("Deleted", "0", "1", "cancelled"),
        ("Проведен", "Да", "Нет", "not_posted"),
    ],
)
def test_orders_marked_as_cancelled_do_not_count(tmp_path: Path, name: str, no: str, yes: str, reason: str) -> None:
    found = understand_text(tmp_path, STATES.format(name, no, yes))
    assert (list(found.amounts()), found.left_out, found.assumed[reason]) == (["o1"], {reason: (1, [3])}, name)


def test_other_texts_about_cancellations_are_stated(tmp_path: Path) -> None:
    found = understand_text(tmp_path, STATES.format("Cancelled", "by the shop", ""))
    assert (len(found.amounts()), found.assumed["cancelled"]) == (2, "without Cancelled")


def test_what_was_paid_is_the_sum_before_the_fee(tmp_path: Path) -> None:
    text = "order_id,date,email,fee,net,gross\no1,2025-05-01,a@example.com,2.00,98.00,100.00\n"
    found = understand_text(tmp_path, text)
    assert (found.amounts(), found.assumed["amount.gross"]) == ({"o1": "100.00"}, "gross")


# --- Customers that are none, or one


def test_ids_of_zeros_are_nobody(tmp_path: Path) -> None:
    text = SALES.format("order_id", "o1", "o2").replace("email", "Карта")
    found = understand_text(tmp_path, text.replace("a@example.com", "0000000").replace("b@example.com", "0077015"))
    assert found.customers() == [None, "0077015"]


def test_numbers_that_a_program_wrote_as_floats_are_whole_beside_missing_ones(tmp_path: Path) -> None:
    text = SALES.format("order_id", "o1", "o2").replace("email", "customer_id")
    found = understand_text(tmp_path, text.replace("a@example.com", "17.0").replace("b@example.com", "nan"))
    assert found.customers() == ["17", None]


def test_a_customer_with_most_orders_is_stated(tmp_path: Path) -> None:
    rows = "".join(f"o{n},2025-05-01,{'C-1' if n % 3 else f'C-{n}'},10.00\n" for n in range(12))
    found = understand_text(tmp_path, "order_id,date,customer_id,amount\n" + rows)
    assert found.assumed["customers"] == "C-1 is one customer"


# --- The same order with another sum in two files


def test_an_order_that_changed_between_two_exports_counts_once(tmp_path: Path) -> None:
    may = SALES.format("order_id", "o1", "o2")
    year = may.replace("100.00", "90.00") + "o3,2025-06-01,b@example.com,5.00\n"
    found = understand_files(tmp_path, {"may.csv": may, "year.csv": year})
    assert found.amounts() == {"o1": "90.00", "o2": "50.00", "o3": "5.00"}
    assert (found.left_out, found.assumed["orders.changed"]) == (
        {"duplicate": (2, [2, 3])},
        "1 orders with several sums",
    )


def test_lines_of_an_order_that_changed_between_overlapping_exports_count_once(tmp_path: Path) -> None:
    header = "order_id,sku,date,email,line total\n"
    may = header + "o1,x,2025-05-01,a@example.com,10.00\no1,y,2025-05-01,a@example.com,20.00\n"
    other = "o2,x,2025-05-02,b@example.com,7.00\n"
    year = may.replace("20.00", "25.00") + other + "o3,x,2025-06-02,b@example.com,8.00\n"
    overlapping = understand_files(tmp_path, {"may.csv": may + other, "year.csv": year})
    assert overlapping.amounts() == {"o1": "35.00", "o2": "7.00", "o3": "8.00"}
    parts = understand_files(
        tmp_path, {"may.csv": may, "year.csv": header + "o1,z,2025-05-01,a@example.com,5.00\n" + other}
    )
    assert (parts.amounts(), parts.left_out) == ({"o2": "7.00"}, {"contradictory": (3, [2, 2, 3])})


def test_telephone_numbers_in_several_writings_are_stated(tmp_path: Path) -> None:
    phones = ("+7 916 123-45-67", "8 (916) 123-45-67", "79161234567", "+7 921 555-45-67")
    rows = "".join(f"o{n},2025-05-01,{phone},10.00\n" for n, phone in enumerate(phones))
    found = understand_text(tmp_path, "order_id,date,phone,amount\n" + rows)
    assert found.assumed["customers.phones"] == "1 numbers in several writings in phone"
    assert found.totals.customers == 4
    plain = understand_text(
        tmp_path, "order_id,date,card,amount\no1,2025-05-01,79161234567,1\no2,2025-05-01,89161234567,1\n"
    )
    assert "customers.phones" not in plain.assumed


# --- More columns that keep an order from counting


@pytest.mark.parametrize(
    ("name", "cells", "reason"),
    [
        ("paid_at", ("2025-05-01 10:00", "", "2025-05-03 10:00"), "unpaid"),
        ("Причина отмены", ("", "нет в наличии", ""), "cancelled"),
        ("Completed", ("Yes", "No", "Yes"), "not_posted"),
        ("Payment State", ("Captured", "Authorised", "Captured"), "unpaid"),
        ("Betalstatus", ("Betald", "Makulerad", "Betald"), "unpaid"),
        ("Этап сделки", ("Сделка успешна", "Сделка провалена", "Сделка успешна"), "status"),
    ],
)
def test_orders_that_are_unpaid_or_lost_do_not_count(
    tmp_path: Path, name: str, cells: tuple[str, ...], reason: str
) -> None:
    rows = "".join(f"o{n},2025-05-0{n} 09:00,a@example.com,10.00,{cell}\n" for n, cell in enumerate(cells, 1))
    found = understand_text(tmp_path, f"order_id,date,email,amount,{name}\n{rows}")
    assert (list(found.amounts()), found.left_out) == (["o1", "o3"], {reason: (1, [3])})


def test_what_is_left_after_refunds_is_not_the_amount(tmp_path: Path) -> None:
    rows = "o1;2025-05-01;a@example.com;100.50;0.00;100.50\no2;2025-05-02;b@example.com;101.50;20.00;81.50\n"
    found = understand_text(tmp_path, f"order_id;date;email;amount;Возвращено;К оплате\n{rows}")
    assert (found.amounts(), found.amounts("refund")) == (
        {"o1": "100.50", "o2": "101.50"},
        {"o2:refunded:20.00": "20.00"},
    )


def test_lines_that_continue_the_order_above_them_are_refused(tmp_path: Path) -> None:
    rows = "o1;2025-05-01;a@example.com;Cup;1;10.00\n;;;Pot;2;5.25\no2;2025-05-02;b@example.com;Cup;1;10.00\n"
    with pytest.raises(ImportRefused, match="such as line 3: if they belong to the order above"):
        understand_text(tmp_path, f"Order;Date;Email;Item;Qty;Price\n{rows}")


def test_an_order_number_of_zero_is_a_number(tmp_path: Path) -> None:
    found = understand_text(tmp_path, SALES.format("order_id", "0", "00"))
    assert list(found.amounts()) == ["0", "00"]
