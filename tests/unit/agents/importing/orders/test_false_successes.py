"""Files that could be imported wrongly without an error."""

import re
from pathlib import Path

import pytest

from agents.importing.findings import ImportRefused
from tests.unit.agents.importing.understood_files import understand_files, understand_text


def test_amounts_finer_than_money_are_parts_of_an_order_even_if_they_are_equal(tmp_path: Path) -> None:
    text = "date,customer_id,order_id,amount\n" + "2025-05-01,a,o1,10.333\n" * 3 + "2025-05-02,b,o2,5.5\n"
    assert understand_text(tmp_path, text).amounts() == {"o1": "31.00", "o2": "5.50"}


def test_equal_amounts_in_one_order_do_not_prove_that_rows_repeat_it(tmp_path: Path) -> None:
    text = "date,customer_id,order_id,amount\n2025-05-01,a,o1,10\n2025-05-01,a,o1,10\n2025-05-02,b,o2,5\n"
    assert list(understand_text(tmp_path, text).asked) == ["group.amount"]


HEADER = "Name,Email,Financial Status,Paid at,Currency,Total,Created at,Lineitem quantity,Lineitem price\n"


def test_an_export_in_parts_may_be_cut_within_an_order(tmp_path: Path) -> None:
    first = HEADER + "#1,a@example.com,paid,2025-05-01 10:00:00 +0000,RUB,30.00,2025-05-01 10:00:00 +0000,1,10\n"
    second = HEADER + "#1,,,,,,,2,10\n#2,b@example.com,paid,2025-05-02 10:00:00 +0000,RUB,12.00,,1,12\n"
    found = understand_files(tmp_path, {"1.csv": first, "2.csv": second})
    assert found.amounts() == {"#1": "30.00", "#2": "12.00"}


@pytest.mark.parametrize("nobody", [r"\N", "NULL", "nan", "[null]"])
def test_what_other_programs_write_for_nothing_is_no_customer(tmp_path: Path, nobody: str) -> None:
    rows = "".join(f"2025-05-0{day},{day},10,{who}\n" for day, who in enumerate(("5", nobody, "6", nobody, "7"), 1))
    found = understand_text(tmp_path, "date,order_id,amount,customer_id\n" + rows)
    assert (found.totals.orders, found.totals.customers, found.totals.anonymous) == (5, 3, 2)


def test_the_sum_of_a_day_is_no_sale(tmp_path: Path) -> None:
    text = (
        "date;customer_id;order_id;amount\n13.05.2025;a;1;10,50\n13.05.2025;Итого за день;;10,50\n"
        "14.05.2025;b;2;20,00\n14.05.2025;Итого за день;;20,00\n;Итого;;30,50\n"
    )
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"1": "10.50", "2": "20.00"}
    assert found.left_out["total_row"] == (3, [3, 5, 6])


def test_sums_below_zero_only_are_no_orders(tmp_path: Path) -> None:
    text = "date,customer_id,order_id,amount\n2025-05-10,a,1,-100.00\n2025-05-11,b,2,-12.00\n"
    with pytest.raises(ImportRefused, match="no order at all"):
        understand_text(tmp_path, text)
    assert understand_text(tmp_path, text, 'kind = "refund"\ntimezone = "UTC"\n').totals.events == {"refund": 2}


def test_the_amount_is_what_was_paid_after_the_discount(tmp_path: Path) -> None:
    text = "Дата;Клиент;Номер заказа;Сумма;Скидка;Итого к оплате\n13.05.2025;k1;1;1000,00;100,00;900,00\n"
    (event,) = understand_text(tmp_path, text).events
    assert (event["amount"], event["discount"]) == ("900.00", "100.00")


@pytest.mark.parametrize(
    ("header", "what"),
    [("customer_id,order_id", "the customer 4.01E"), ("order_id,customer_id", "the order number 4.01E")],
)
def test_numbers_that_a_spreadsheet_has_rounded_are_no_ids(tmp_path: Path, header: str, what: str) -> None:
    text = f"date,{header},amount\n2025-05-01,4.01E+11,a,10\n2025-05-02,4.01E+11,b,10\n2025-05-03,4.00E+11,c,10\n"
    with pytest.raises(ImportRefused, match=re.escape(what)):
        understand_text(tmp_path, text)


def test_columns_of_one_name_with_different_contents_are_asked_about(tmp_path: Path) -> None:
    text = "date,customer_id,order_id,amount,amount\n2025-05-12,a,1,10,11\n2025-05-13,b,2,20,21\n"
    assert list(understand_text(tmp_path, text).asked) == ["fields.amount"]
    chosen = understand_text(tmp_path, text, 'timezone = "UTC"\n[fields]\namount = "amount (2)"\n')
    assert chosen.amounts() == {"1": "11.00", "2": "21.00"}
    same = understand_text(tmp_path, text.replace(",11", ",10").replace(",21", ",20"))
    assert same.amounts() == {"1": "10.00", "2": "20.00"}


def test_payouts_and_sums_in_cents_are_no_sales(tmp_path: Path) -> None:
    payouts = (
        "id,Amount,Arrival Date (UTC),Created (UTC),Status,Type,Currency,Destination\n"
        "po_1,110.00,2025-05-12 00:00:00,2025-05-10 00:00:00,paid,bank_account,rub,ba_1\n"
    )
    with pytest.raises(ImportRefused, match="export Payments instead"):
        understand_text(tmp_path, payouts)
    charge = '{"id": "ch_1", "object": "charge", "amount": 2000, "amount_refunded": 0, "currency": "rub", '
    charge += '"created": 1717727934, "customer": "cus_1", "paid": true, "status": "succeeded", "livemode": true}\n'
    with pytest.raises(ImportRefused, match="in cents"):
        understand_files(tmp_path, {"charges.jsonl": charge})


def test_of_a_stripe_balance_only_charges_and_refunds_count(tmp_path: Path) -> None:
    header = "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,customer_id,charge_id\n"
    rows = (
        "txn_1,2025-04-01 10:00:00,rub,50.00,1.75,48.25,charge,cus_1,ch_1\n"
        "txn_2,2025-04-03 10:00:00,rub,-10.00,0.00,-10.00,refund,cus_1,ch_1\n"
        "txn_3,2025-04-04 10:00:00,rub,-38.25,0.00,-38.25,payout,,\n"
        "txn_4,2025-04-05 10:00:00,rub,-2.00,0.00,-2.00,fee,,\n"
    )
    found = understand_text(tmp_path, header + rows)
    assert (found.platform, found.amounts(), found.left_out) == (
        "stripe",
        {"ch_1": "50.00"},
        {"not_a_sale": (2, [4, 5])},
    )
    (refund,) = found.of("refund")
    assert (refund["order_id"], refund["amount"], refund["customer_id"]) == ("ch_1", "10.00", "cus_1")


def test_orders_that_contradict_themselves_prove_nothing_about_amounts(tmp_path: Path) -> None:
    text = "date,customer_id,order_id,amount\n2025-05-01,a,o1,10\n2025-05-01,b,o1,10\n2025-05-02,b,o2,5\n"
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"o2": "5.00"}
    assert found.left_out == {"contradictory": (1, [2])}


@pytest.mark.parametrize(
    "text",
    [
        "id,email,created_at,total_spent,orders_count\n1,a@x.com,2025-01-01,100.00,3\n2,b@x.com,2025-02-01,50.00,1\n",
        "Дата;Клиент;Выручка;Количество заказов\n13.05.2025;k1;100,50;3\n14.05.2025;k2;20,00;1\n",
    ],
)
def test_sums_of_several_orders_are_no_orders(tmp_path: Path, text: str) -> None:
    with pytest.raises(ImportRefused, match="its rows are sums of several orders"):
        understand_text(tmp_path, text)


def test_addresses_that_stand_for_nobody_are_guests(tmp_path: Path) -> None:
    addresses = ("noemail@shop.example", "no-reply@shop.example", "ann@example.com", "bob@noreply.example", "c@x.com")
    rows = "".join(f"{n},2025-05-0{n},{address},10\n" for n, address in enumerate(addresses, 1))
    found = understand_text(tmp_path, "order_id,date,email,total\n" + rows)
    assert found.customers() == [None, None, *addresses[2:]]


def test_rows_without_a_currency_have_the_only_one_of_the_column(tmp_path: Path) -> None:
    text = "order_id,date,email,total,currency\n1,2025-01-01,a@x.com,10,{}\n2,2025-01-02,b@x.com,20,\n"
    found = understand_text(tmp_path, text.format("EUR"))
    assert [event["currency"] for event in found.events] == ["EUR", "EUR"]
    several = understand_text(tmp_path, text.format("EUR") + "3,2025-01-02,b@x.com,20,RUB\n")
    assert (list(several.amounts()), several.left_out) == (["1", "3"], {"unreadable": (1, [3])})


def test_a_zero_in_place_of_a_date_is_no_date(tmp_path: Path) -> None:
    text = (
        "order_id,date,email,total\n1,1970-01-01 03:00,a@x.com,10\n2,2025-01-02,b@x.com,20\n3,2025-01-02,b@x.com,20\n"
    )
    found = understand_text(tmp_path, text)
    assert (list(found.amounts()), found.left_out) == (["2", "3"], {"unreadable": (1, [2])})


def test_rows_without_a_number_are_stated_to_be_orders(tmp_path: Path) -> None:
    text = "date,email,total\n2025-01-01,a@x.com,10\n2025-01-02,b@x.com,20\n"
    assert understand_text(tmp_path, text).assumed["order_id"] == "each row is an order"
