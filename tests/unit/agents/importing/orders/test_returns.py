"""Refunds in every form: flags, sums, numbers, rows of their own."""

from pathlib import Path

import pytest

from agents.importing.findings import ImportRefused
from tests.unit.agents.importing.understood_files import Understood, understand_files, understand_text

ORDERS = "order_id,date,customer_id,amount{0}\no1,2025-05-01,a,100{1}\no2,2025-05-02,b,50{2}\n"


def _refunds(found: Understood) -> list[tuple[str, str]]:
    return [(each["order_id"], each["amount"]) for each in found.of("refund")]


@pytest.mark.parametrize(
    ("name", "no", "yes"),
    [
        ("Refunded", "0", "1"),
        ("Returned", "No", "Yes"),
        ("Refunded", "false", "TRUE"),
        ("Возврат", "нет", "да"),
        ("Возврат", "", "1"),
        ("Returned", "0.0", "1.0"),
        ("Return", "", "returned"),
        ("Retoure", "Nein", "Ja"),
    ],
)
def test_a_flag_of_returned_orders_is_no_sum(tmp_path: Path, name: str, no: str, yes: str) -> None:
    found = understand_text(tmp_path, ORDERS.format(f",{name}", f",{no}", f",{yes}"))
    assert (found.assumed["returned"], _refunds(found)) == (name, [("o2", "50.00")])
    assert (found.totals.gross_minor, found.totals.refunds_minor) == (15_000, 5_000)


@pytest.mark.parametrize("name", ["Возврат", "Refund", "Returned"])
def test_sums_of_refunds_are_no_flags(tmp_path: Path, name: str) -> None:
    text = ORDERS.format(f",{name}", ",", ",20.50")
    if name == "Returned":
        text = text.replace("Returned", "Returned amount")
    assert _refunds(understand_text(tmp_path, text)) == [("o2", "20.50")]


def test_a_flag_belongs_to_its_line_where_rows_are_lines(tmp_path: Path) -> None:
    text = (
        "order_id,sku,date,customer_id,line total,returned\n"
        "o1,x,2025-05-01,a,60,no\no1,y,2025-05-01,a,40,yes\no2,x,2025-05-02,b,50,no\n"
    )
    found = understand_text(tmp_path, text)
    assert (found.amounts(), _refunds(found)) == ({"o1": "100.00", "o2": "50.00"}, [("o1", "40.00")])


def test_whole_numbers_in_a_column_called_refund_are_asked_about(tmp_path: Path) -> None:
    found = understand_text(tmp_path, ORDERS.format(",refund", ",", ",17"))
    assert "fields.refunded" in found.asked


def test_rows_with_a_refund_number_beside_their_order_are_refunds(tmp_path: Path) -> None:
    text = ORDERS.format(",return_id", ",", ",") + "o1,2025-05-05,a,30,RT-1\n"
    found = understand_text(tmp_path, text)
    assert (found.amounts("refund"), _refunds(found)) == ({"RT-1": "30.00"}, [("o1", "30.00")])
    assert (found.totals.orders, found.assumed["refund_numbers"]) == (2, "refunds")


def test_a_list_of_refunds_is_no_list_of_sales(tmp_path: Path) -> None:
    text = (
        "refund_id,order_id,date,amount,email\nR1,o1,2025-05-05,130,a@example.com\nR2,o2,2025-05-06,30,b@example.com\n"
    )
    found = understand_text(tmp_path, text)
    assert (found.totals.orders, found.amounts("refund")) == (0, {"R1": "130.00", "R2": "30.00"})


def test_a_refund_number_on_the_only_row_of_an_order_is_asked_about(tmp_path: Path) -> None:
    text = ORDERS.format(",return number", ",", ",RT-7")
    assert list(understand_text(tmp_path, text).asked) == ["refund_numbers"]
    answered = understand_text(tmp_path, text, 'timezone = "UTC"\nrefund_numbers = "orders"\n')
    assert (answered.totals.orders, _refunds(answered)) == (2, [("o2", "50.00")])


def test_a_sum_that_a_row_refunds_is_not_refunded_by_the_column_again(tmp_path: Path) -> None:
    text = ORDERS.format(",refunded", ",45", ",") + "o1,2025-05-05,a,-30,\n"
    found = understand_text(tmp_path, text)
    assert sorted(_refunds(found)) == [("o1", "15.00"), ("o1", "30.00")]
    assert found.totals.refunds_minor == 4_500


def test_refunds_of_different_orders_with_the_same_number_are_different(tmp_path: Path) -> None:
    text = "type,refund_id,order_id,date,customer_id,amount\n" + "".join(
        f"{kind},{number},{order},2025-05-0{day},{who},10\n"
        for kind, number, order, day, who in (
            ("sale", "", "o1", 1, "a"),
            ("sale", "", "o2", 2, "b"),
            ("refund", "1", "o1", 3, "a"),
            ("refund", "1", "o2", 4, "b"),
        )
    )
    assert understand_text(tmp_path, text).amounts("refund") == {"o1:1": "10.00", "o2:1": "10.00"}


def test_part_of_the_type_column_says_what_a_row_is(tmp_path: Path) -> None:
    text = "order_id,op,date,customer_id,amount\no1,01-sale,2025-05-01,a,100\no2,02-refund,2025-05-02,b,50\n"
    mapping = 'timezone = "UTC"\n[fields]\ntype = { column = "op", extract = "-(.*)$" }\n'
    assert understand_text(tmp_path, text, mapping).totals.events == {"purchase": 1, "refund": 1}


def test_regular_expressions_know_letters_of_every_alphabet(tmp_path: Path) -> None:
    text = ORDERS.format(",note", ",тест заказ", ",протестировано")
    mapping = 'timezone = "UTC"\n[[skip]]\ncolumn = "note"\nmatches = "\\\\bтест\\\\b(?! нет)"\nreason = "test_order"\n'
    found = understand_text(tmp_path, text, mapping)
    assert (found.amounts(), found.left_out["test_order"]) == ({"o2": "50.00"}, (1, [2]))


@pytest.mark.parametrize(
    ("sale", "refund", "begin"),
    [("Реализация товаров 1", "Возврат товаров от покупателя 1", "возврат"), ("INV-1", "Credit Note 5", "creditnote")],
)
def test_documents_that_are_called_refunds_are_refunds(tmp_path: Path, sale: str, refund: str, begin: str) -> None:
    text = f"Документ,Дата,Клиент,Сумма\n{sale},2025-05-01,a,100\n{refund},2025-05-03,a,30\n{sale}0,2025-05-04,b,7\n"
    found = understand_text(tmp_path, text)
    assert (found.totals.orders, found.totals.gross_minor, found.totals.refunds_minor) == (2, 10_700, 3_000)
    (evidence,) = (each.evidence for each in found.assumptions if each.subject == "type" and each.option)
    assert begin in evidence


def test_orders_with_a_column_of_refunded_sums_are_no_list_of_refunds(tmp_path: Path) -> None:
    rows = "1,2025-05-01,a@example.com,100,0\n2,2025-05-02,b@example.com,50,50\n"
    text = "ID,Date,Customer Email,Value of cart,Total Refunded\n" + rows
    assert "fields.amount" in understand_text(tmp_path, text).asked


def test_an_order_of_which_nothing_is_paid_does_not_count(tmp_path: Path) -> None:
    sums = ((100, 100), (60, 0), (0, 0), (60, 20))
    rows = (f"{n};2{n}.05.2025;c{n};{total};{paid}\n" for n, (total, paid) in enumerate(sums, 1))
    text = "Номер заказа;Дата;Клиент;Сумма;Оплачено\n" + "".join(rows)
    found = understand_text(tmp_path, text)
    assert (found.amounts(), found.left_out) == ({"1": "100.00", "3": "0.00", "4": "20.00"}, {"unpaid": (1, [3])})


# --- Pieces that came back

LINES = "order_id,sku,date,email,quantity,{}\n"
SOLD = (("o1,x", "a", 3, 100), ("o1,y", "a", 1, 50), ("o2,x", "b", 2, 100))


def _lines(name: str, returned: tuple[str, ...], price: str = "price", *, is_total: bool = False) -> str:
    """Return a file of lines whose last column is about returns; prices are of a piece, or totals of the line."""
    rows = (
        f"{line},2025-05-01T10:00:00Z,{who}@example.com,{count},{cost * count if is_total else cost},{each}\n"
        for (line, who, count, cost), each in zip(SOLD, returned, strict=True)
    )
    return LINES.format(f'{price},"{name}"') + "".join(rows)


@pytest.mark.parametrize(
    "name", ["returned quantity", "Qty Refunded", "Возвращено, шт", "Кол-во возврата", "Retourmenge"]
)
@pytest.mark.parametrize("price", ["price", "line total"])
def test_pieces_that_came_back_refund_their_share_of_the_line(tmp_path: Path, name: str, price: str) -> None:
    found = understand_text(tmp_path, _lines(name, ("1", "0", "2"), price, is_total=price == "line total"))
    assert found.amounts() == {"o1": "350.00", "o2": "200.00"}
    assert (found.assumed["returned_quantity"], _refunds(found)) == (name, [("o1", "100.00"), ("o2", "200.00")])


@pytest.mark.parametrize(
    ("count", "amount", "refunded"),
    [(3, "100.00", "33.33"), (2, "100.01", "50.00"), (2, "100.03", "50.02"), (7, "1.00", "0.14")],
)
def test_a_share_of_an_amount_is_rounded_as_money_is(tmp_path: Path, count: int, amount: str, refunded: str) -> None:
    text = "order_id,date,email,quantity,amount,returned quantity\n"
    found = understand_text(tmp_path, f"{text}o1,2025-05-01,a@example.com,{count},{amount},1\n")
    assert _refunds(found) == [("o1", refunded)]


@pytest.mark.parametrize(
    ("returned", "reason"),
    [(("4", "0", "0"), "more pieces came back than were sold, such as in line 2"), (("0", "0", ""), None)],
)
def test_pieces_that_cannot_be_refunded_are_stated(tmp_path: Path, returned: tuple[str, ...], reason: str) -> None:
    found = understand_text(tmp_path, _lines("returned quantity", returned))
    stated = [each.evidence for each in found.assumptions if each.subject == "returns"]
    assert (stated, _refunds(found)) == ([reason] if reason else [], [])


def test_pieces_without_a_number_of_pieces_sold_are_stated(tmp_path: Path) -> None:
    found = understand_text(tmp_path, ORDERS.format(",returned quantity", ",0", ",1"))
    assert (found.assumed["returns"], _refunds(found)) == ("without returned quantity", [])


def test_pieces_of_lines_that_repeat_the_amount_of_their_order_are_stated(tmp_path: Path) -> None:
    text = "order_id,sku,date,email,quantity,order total,returned quantity\n" + "".join(
        f"o{n},{sku},2025-05-01T10:00:00Z,a@example.com,2,{100 + n},{returned}\n"
        for n, both in ((1, (1, 0)), (2, (2, 2)), (3, (0, 0)))
        for sku, returned in zip("xy", both, strict=True)
    )
    found = understand_text(tmp_path, text)
    assert found.assumed["returns"] == "without pieces in returned quantity"
    assert _refunds(found) == [("o2", "102.00")]  # all of it came back


@pytest.mark.parametrize("name", ["Возвращено", "Returned", "returns"])
@pytest.mark.parametrize("returned", [("1", "0", "2"), ("1", "0", "0")])
def test_whole_numbers_that_can_be_pieces_are_asked_about(tmp_path: Path, name: str, returned: tuple[str, ...]) -> None:
    text = _lines(name, returned, "line total", is_total=True)
    asked = understand_text(tmp_path, text).asked
    assert list(asked) == ["fields.returned_quantity"]
    assert f'--field returned_quantity="{name}"' in asked["fields.returned_quantity"]
    mapping = f'timezone = "UTC"\n[fields]\nreturned_quantity = "{name}"\n'
    assert _refunds(understand_text(tmp_path, text, mapping))[0] == ("o1", "100.00")


def test_a_flag_of_one_beside_single_pieces_needs_no_question(tmp_path: Path) -> None:
    found = understand_text(tmp_path, _lines("Returned", ("0", "1", "0")))
    assert (found.assumed["returned"], _refunds(found)) == ("Returned", [("o1", "50.00")])


def test_the_form_of_a_platform_states_returns_that_it_does_not_read(tmp_path: Path) -> None:
    head = "ID;Дата заказа;Покупатель;Сумма;Валюта;Статус;Возвращено\n"
    found = understand_text(tmp_path, head + "1;12.05.2025 10:00;[17] Анна (anna);1000.00;RUB;Выполнен;300.00\n")
    assert (found.platform, found.assumed["returns"]) == ("bitrix", "without Возвращено")


def test_a_column_about_returns_that_is_not_read_is_stated(tmp_path: Path) -> None:
    text = ORDERS.format(",return date", ",2025-05-05", ",").replace("return date", "returned")
    assert understand_text(tmp_path, text).assumed["returns"] == "without returned"


# --- The same refunds in several files

REFUND_HEADER = "refund_id,order_id,date,customer_id,amount,type\n"


def test_a_refund_in_two_files_is_one(tmp_path: Path) -> None:
    first = REFUND_HEADER + "R1,o1,2025-05-05,a,-30,refund\n"
    files = {"o.csv": ORDERS.format("", "", ""), "1.csv": first, "2.csv": first + "R2,o2,2025-05-06,b,-10,refund\n"}
    found = understand_files(tmp_path, files)
    assert (found.totals.orders, found.amounts("refund")) == (2, {"R1": "30.00", "R2": "10.00"})
    assert found.left_out["duplicate"] == (1, [2])


@pytest.mark.parametrize("number", ["o1,", ""])
def test_a_refund_without_a_number_in_two_exports_is_one(tmp_path: Path, number: str) -> None:
    header = "order_id,date,customer_id,amount\n" if number else "date,customer_id,amount\n"
    may = f"{header}{number}2025-05-01,a,100\n{number}2025-05-03,a,-30\n"
    june = f"{may}{number}2025-06-01,a,-30\n"
    found = understand_files(tmp_path, {"may.csv": may, "june.csv": june})
    assert (found.totals.orders, found.totals.gross_minor, found.totals.refunds_minor) == (1, 10_000, 6_000)


def test_a_refund_that_only_the_later_export_has_contradicts_nothing(tmp_path: Path) -> None:
    may = ORDERS.format("", "", "")
    found = understand_files(tmp_path, {"may.csv": may, "june.csv": may + "o1,2025-06-05,a,-30\n"})
    assert (found.totals.gross_minor, _refunds(found)) == (15_000, [("o1", "30.00")])


def test_refunds_in_a_file_of_another_form_refund_the_orders(tmp_path: Path) -> None:
    orders = (
        "Order ID,Order Date,Customer Email,Order Total,Shipping Method,City\n"
        "o1,2025-05-01,a@example.com,100,x,y\no2,2025-05-02,b@example.com,50,x,y\n"
    )
    refunds = (
        "refund_id,order_id,refunded_at,refund amount,reason\nR1,o1,2025-05-05,30,broken\nR2,o1,2025-05-06,90,late\n"
    )
    found = understand_files(tmp_path, {"orders.csv": orders, "refunds.csv": refunds})
    assert [(each["order_id"], each["customer_id"]) for each in found.of("refund")] == [("o1", "a@example.com")] * 2
    assert (found.totals.gross_minor, found.totals.refunds_minor) == (15_000, 10_000)


SHOPIFY = "Name,Email,Financial Status,Paid at,Currency,Total\n"


def test_an_order_in_two_files_of_different_forms_is_one(tmp_path: Path) -> None:
    shopify = SHOPIFY + "1001,a@example.com,paid,2025-05-01 10:00:00 +0000,RUB,30.00\n"
    other = "order number,sum,date,email,comment,city\n1001,30.00,2025-05-01,a@example.com,x,y\n"
    found = understand_files(tmp_path, {"a.csv": shopify, "b.csv": other})
    assert (found.totals.orders, found.totals.gross_minor, found.left_out["duplicate"]) == (1, 3_000, (1, [2]))
    changed = understand_files(
        tmp_path,
        {
            "a.csv": shopify + SHOPIFY[:0],
            "b.csv": other.replace("30.00", "40.00") + "7,5,2025-05-02,c@example.com,x,y\n",
        },
    )
    assert (changed.amounts(), changed.left_out["contradictory"][0]) == ({"7": "5.00"}, 2)


# --- Joins

JOIN = """timezone = "UTC"
[fields]
amount = "total"
occurred_at = "date"
customer_id = "email"
order_id = "order_id"
[[join]]
columns = ["email"]
on = ["customer"]
"""


def test_a_join_is_stated_with_what_it_found(tmp_path: Path) -> None:
    orders = "order_id,date,customer,total\no1,2025-05-01,7,100\no2,2025-05-02,8,10\n"
    found = understand_files(
        tmp_path, {"o.csv": orders, "c.csv": "customer,email\n7,a@example.com\n8,b@example.com\n"}, JOIN
    )
    assert found.assumed["files"] == "c.csv joined on customer"
    assert found.customers() == ["a@example.com", "b@example.com"]


@pytest.mark.parametrize(
    ("orders", "customers", "error"),
    [
        (
            "order_id,date,who,total\no1,2025-05-01,7,100\n",
            "customer,email\n7,a@example.com\n",
            "o.csv has no column 'customer'",
        ),
        (
            "order_id,date,customer,total\no1,2025-05-01,7,100\n",
            "id,email\n7,a@example.com\n",
            "c.csv has no column 'customer'",
        ),
        (
            "order_id,date,customer,total\no1,2025-05-01,7,100\n",
            "customer,email\n7,a@example.com\n7,b@example.com\n",
            "lines 2 and 3 have the same customer",
        ),
    ],
)
def test_a_join_that_cannot_be_made_is_refused(tmp_path: Path, orders: str, customers: str, error: str) -> None:
    with pytest.raises(ImportRefused, match=error):
        understand_files(tmp_path, {"o.csv": orders, "c.csv": customers}, JOIN)


# --- Flags beside sums


def test_a_sum_beside_a_flag_says_how_much_was_refunded(tmp_path: Path) -> None:
    header = "order_id,date,email,amount,Refunded?,Partial Refund ($),Fully Refunded?\n"
    rows = ("o1,2025-05-01,a@example.com,100.00,1,0.0,1\n", "o2,2025-05-02,b@example.com,50.00,1,1.0,0\n")
    assert _refunds(understand_text(tmp_path, header + "".join(rows))) == [("o1", "100.00"), ("o2", "1.00")]


def test_an_unknown_sum_of_refunds_beside_a_flag_is_asked_about(tmp_path: Path) -> None:
    text = ORDERS.format(",refunded?,refund in cash", ",0,", ",1,20.50")
    assert list(understand_text(tmp_path, text).asked) == ["fields.refunded"]
    alone = understand_text(tmp_path, ORDERS.format(",refund in cash", ",", ",20.50"))
    assert alone.assumed["returns"] == "without refund in cash"
