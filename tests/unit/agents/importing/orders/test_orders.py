"""Orders of files from no platform: rows become orders and refunds, whatever the columns are called."""

import re
from decimal import Decimal
from pathlib import Path

import pytest

from agents.importing.findings import ImportRefused
from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.mapping_answers import with_answer
from agents.importing.understanding import PolicyInfo, UnderstandOptions
from tests.unit.agents.importing.understood_files import ROUBLES, UTC, understand_files, understand_text

POUNDS = PolicyInfo("GBP")


def test_a_row_is_an_order(tmp_path: Path) -> None:
    found = understand_text(tmp_path, "customer_id,date,amount,order_id\nc1,2025-05-12 10:30,12.40,o1\n")
    assert found.events == [
        {
            "type": "purchase",
            "event_id": "purchase:o1",
            "customer_id": "c1",
            "order_id": "o1",
            "amount": "12.40",
            "currency": "RUB",
            "occurred_at": "2025-05-12T10:30:00.000Z",
            "backfill": True,
            "import_id": "test",
        }
    ]
    assert (found.totals.orders, found.totals.gross_minor, found.totals.customers) == (1, 1240, 1)
    assert found.platform == "generic"


def test_history_is_backfill_unless_it_is_live(tmp_path: Path) -> None:
    text = "customer_id,date,amount,order_id\nc1,2025-05-12 10:30,12.40,o1\n"
    heard: list[object] = []
    options = UnderstandOptions(live=True, import_id="i1", on_event=heard.append)
    found = understand_files(tmp_path, {"a.csv": text}, UTC, ROUBLES, options)
    assert ("backfill" in found.events[0], found.events[0]["import_id"]) == (False, "i1")
    assert heard == found.imported


LINES = """Invoice,Item,Qty,Price Each,Bought at,Client No
7001,Tea,3,1.10,2025-03-02 11:00,c1
7002,Cup,1,9.99,2025-03-02 11:05,c2
7001,Pot,2,20.505,2025-03-02 11:00,c1
7003,Tea,4,0.4125,2025-03-02 11:20,c2
"""


def test_lines_of_an_order_are_summed_wherever_they_are_before_rounding(tmp_path: Path) -> None:
    mapping = """
    timezone = "UTC"
    [fields]
    occurred_at = "Bought at"
    """
    found = understand_text(tmp_path, LINES, mapping, POUNDS)
    assert found.amounts() == {"7001": "44.31", "7002": "9.99", "7003": "1.65"}
    assert found.totals.orders == 3
    assert found.assumed["amount"] == "Qty × Price Each"


def test_a_sum_of_thousandths_is_exact(tmp_path: Path) -> None:
    rows = "".join(f"o1,sku{n},0.0005,2025-03-02,c1\n" for n in range(2_001))
    found = understand_text(tmp_path, "order id,sku,line total,date,client\n" + rows + "o2,x,5,2025-03-03,c2\n")
    assert found.amounts() == {"o1": "1.00", "o2": "5.00"}


def test_an_amount_repeated_on_the_rows_of_an_order_counts_once(tmp_path: Path) -> None:
    text = (
        "order number,order total,paid with,date,client\n"
        "o1,30.00,card,2025-03-02,c1\no1,30.00,voucher,2025-03-02,c1\no2,5.00,card,2025-03-03,c2\n"
    )
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"o1": "30.00", "o2": "5.00"}
    assert found.mapping.group.amount == "first"


def test_equal_amounts_that_can_be_lines_or_repetitions_are_asked_about(tmp_path: Path) -> None:
    text = "order number,product,sum,date,client\no1,a,30,2025-03-02,c1\no1,b,30,2025-03-02,c1\n"
    assert list(understand_text(tmp_path, text).asked) == ["group.amount"]
    for amount, expected in (("sum", "60.00"), ("first", "30.00")):
        mapping = f'timezone = "UTC"\n[group]\namount = "{amount}"'
        assert understand_text(tmp_path, text, mapping).amounts() == {"o1": expected}


def test_an_order_whose_lines_contradict_each_other_is_left_out_and_shown(tmp_path: Path) -> None:
    text = (
        "order id,sku,sum,currency,date,client\n"
        "o1,a,1,RUB,2025-03-02,c1\no1,b,2,RUB,2025-03-02,c2\n"
        "o2,a,1,RUB,2025-03-02,c1\no2,b,2,EUR,2025-03-02,c1\n"
        "o3,a,1,RUB,2025-03-02,\no3,b,2,,2025-03-02,c1\n"
    )
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"o3": "3.00"}
    assert found.customers() == ["c1"]
    assert found.left_out["contradictory"] == (2, [2, 4])


def test_numbers_that_begin_again_every_day_are_asked_about(tmp_path: Path) -> None:
    rows = "".join(
        f"{number},{item},{number + 1},2025-05-0{day},\n" for day in (1, 2, 3) for number in (1, 2) for item in "ab"
    )
    text = "receipt,item,line total,date,client\n" + rows + "9,a,5,2025-05-04,c1\n"
    assert list(understand_text(tmp_path, text).asked) == ["group.by"]
    options = UnderstandOptions(allow_anonymous=True)
    mapping = with_answer(UTC, "group.by", '["order_id", "occurred_at"]')
    found = understand_files(tmp_path, {"a.csv": text}, mapping, ROUBLES, options)
    assert sorted(found.amounts().values()) == ["4.00"] * 3 + ["5.00"] + ["6.00"] * 3
    assert len(found.amounts()) == 7


def test_a_delivery_zone_is_no_time_zone(tmp_path: Path) -> None:
    text = "order id,amount,date,client,zone\n1,5,2025-05-01,c1,North\n2,6,2025-05-01,c1,South\n"
    assert understand_text(tmp_path, text).amounts() == {"1": "5.00", "2": "6.00"}


def test_negative_sums_are_refunds_of_their_order_if_the_file_has_it(tmp_path: Path) -> None:
    text = (
        "order id,amount,date,client\n"
        "o1,100,2025-03-02,c1\no1,-30,2025-03-05,c1\no9,-7,2025-03-06,c2\no2,50,2025-03-07,c2\n"
    )
    found = understand_text(tmp_path, text)
    of_order, other = found.of("refund")
    assert (of_order["order_id"], of_order["amount"], of_order["customer_id"]) == ("o1", "30.00", "c1")
    assert of_order["occurred_at"] == "2025-03-05T00:00:00.000Z"
    assert ("order_id" in other, other["amount"], other["customer_id"]) == (False, "7.00", "c2")
    assert [event.mentioned_order for event in found.imported if event.kind == "refund"] == ["", "o9"]
    assert (found.totals.orders, found.totals.gross_minor, found.totals.refunds_minor) == (2, 15_000, 3_700)


def test_a_negative_line_at_the_moment_of_its_order_is_a_discount(tmp_path: Path) -> None:
    text = (
        "order id,item,line total,date,client\n"
        "o1,Tea,10,2025-03-02 10:00,c1\no1,Coupon,-2.50,2025-03-02 10:00,c1\no1,Tea,-4,2025-03-09 12:00,c1\n"
    )
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"o1": "7.50"}
    assert [refund["amount"] for refund in found.of("refund")] == ["4.00"]


def test_an_order_whose_lines_sum_up_to_less_than_zero_is_a_refund(tmp_path: Path) -> None:
    text = (
        "order id,item,line total,date,client\n"
        "o1,New,10,2025-03-02 10:00,c1\no1,Old,-25,2025-03-02 10:00,c1\no2,Tea,5,2025-03-02 11:00,c1\n"
    )
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"o2": "5.00"}
    assert [refund["amount"] for refund in found.of("refund")] == ["15.00"]


def test_a_refund_of_more_than_was_paid_counts_up_to_it(tmp_path: Path) -> None:
    text = "order id,amount,date,client\no1,100,2025-03-02,c1\no1,-60,2025-03-05,c1\no1,-60,2025-03-06,c1\n"
    found = understand_text(tmp_path, text)
    assert [refund["amount"] for refund in found.of("refund")] == ["60.00", "60.00"]
    assert found.totals.refunds_minor == 10_000
    assert "refunds" in found.assumed


def test_words_of_a_type_column_tell_sales_refunds_and_other_rows(tmp_path: Path) -> None:
    text = (
        "тип;номер чека;клиент;дата;сумма\n"
        "Продажа;1;c1;12.05.2025;50\nвозврат;1;c1;13.05.2025;20\nПросмотр;;c1;13.05.2025;\nподарок;2;c1;14.05.2025;5\n"
    )
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"1": "50.00"}
    (refund,) = found.of("refund")
    assert (refund["order_id"], refund["amount"]) == ("1", "20.00")
    assert found.left_out == {"not_a_sale": (1, [4]), "unreadable": (1, [5])}


def test_statuses_in_words_decide_which_orders_count(tmp_path: Path) -> None:
    text = (
        "order id,amount,date,client,order status\n"
        "1,10,2025-03-02,c1,Completed\n2,20,2025-03-02,c2,Cancelled\n3,30,2025-03-02,c3,Refunded\n4,40,2025-03-02,c4,new\n"
        "5,50,2025-03-02,c5,Payment pending\n"
    )
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"1": "10.00", "3": "30.00", "4": "40.00"}
    assert found.amounts("refund") == {"3:refunded:30.00": "30.00"}
    assert found.left_out == {"status": (2, [3, 6])}


def test_a_refund_column_refunds_the_order_and_grows(tmp_path: Path) -> None:
    head = "order id,amount,date,client,amount refunded,refund date\n"
    first = understand_text(tmp_path, head + "o1,100,2025-03-02,c1,10,2025-03-04\no2,5,2025-03-02,c1,,\n")
    assert first.amounts("refund") == {"o1:refunded:10.00": "10.00"}
    (refund,) = first.of("refund")
    assert (refund["order_id"], refund["occurred_at"]) == ("o1", "2025-03-04T00:00:00.000Z")
    assert [event.refunded_minor for event in first.imported] == [None, None, 1_000]
    later = understand_text(tmp_path, head + "o1,100,2025-03-02,c1,100,\no2,5,2025-03-02,c1,0,\n")
    assert later.amounts("refund") == {"o1:refunded:100.00": "100.00"}
    (refund,) = later.of("refund")
    assert refund["occurred_at"] == "2025-03-02T00:00:00.000Z"


def test_guests_are_never_one_customer(tmp_path: Path) -> None:
    text = "order id,amount,date,customer id\n" + "".join(
        f"{number},10,2025-03-02,{who}\n" for number, who in enumerate(("0", "Guest", "", "n/a", "5", "6", "7", "8"))
    )
    found = understand_text(tmp_path, text)
    assert found.customers() == [None, None, None, None, "5", "6", "7", "8"]
    assert (found.totals.anonymous, found.totals.customers) == (4, 4)


def test_ids_that_were_floats_are_whole_and_addresses_are_lower_case(tmp_path: Path) -> None:
    text = "order id,amount,date,customer id\n536365.0,10,2025-03-02,17850.0\n536366.0,10,2025-03-02,17851.0\n"
    found = understand_text(tmp_path, text)
    assert (found.customers(), list(found.amounts())) == (["17850", "17851"], ["536365", "536366"])
    text = (
        "order id,amount,date,customer id\nv1.0,10,2025-03-02, Ann@Example.COM\nv2.0,10,2025-03-02,ann@example.com \n"
    )
    found = understand_text(tmp_path, text)
    assert found.customers() == ["ann@example.com"] * 2
    assert list(found.amounts()) == ["v1.0", "v2.0"]


def test_the_address_identifies_before_the_number_unless_the_mapping_says_otherwise(tmp_path: Path) -> None:
    text = "order id,amount,date,E-mail,Client ID\n1,5,2025-03-02,a@example.com,17\n2,5,2025-03-02,,18\n"
    assert understand_text(tmp_path, text).customers() == ["a@example.com", "18"]
    by_id = understand_text(tmp_path, text, 'timezone = "UTC"\nidentify = "id"')
    assert by_id.customers() == ["17", "18"]
    mapped = understand_text(tmp_path, text, 'timezone = "UTC"\n[fields]\ncustomer_id = ["Client ID", "E-mail"]')
    assert mapped.customers() == ["17", "18"]


def test_ids_can_be_hashed_with_a_key_and_prefixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "order id,amount,date,email\n1,5,2025-03-02,A@example.com\n2,5,2025-03-02,\n3,5,2025-03-02,b@example.com\n"
    mapping = 'timezone = "UTC"\nsource = "north"\nidentify = { by = "email", key_env = "SHOP_KEY" }'
    with pytest.raises(ImportRefused, match="SHOP_KEY must hold a key of at least 16 bytes"):
        understand_text(tmp_path, text, mapping)
    monkeypatch.setenv("SHOP_KEY", "a key of more than 16 bytes")
    found = understand_text(tmp_path, text, mapping)
    first, anonymous, third = found.customers()
    assert anonymous is None
    assert re.fullmatch("north:h:[0-9a-f]{64}", first or "")
    assert first != third
    assert list(found.amounts()) == ["north:1", "north:2", "north:3"]


def test_orders_without_a_number_have_ids_of_their_contents(tmp_path: Path) -> None:
    may = "date,client,sum\n2025-05-02,c1,5\n2025-05-02,c1,5\n2025-05-03,c2,7\n"
    june = "date,client,sum\n2025-06-01,c2,9\n2025-05-03,c2,7\n2025-05-02,c1,5\n2025-05-02,c1,5\n"
    first, second = understand_text(tmp_path, may), understand_text(tmp_path, june)
    assert len(first.amounts()) == 3
    assert first.amounts().items() < second.amounts().items()
    both = understand_files(tmp_path, {"may.csv": may, "june.csv": june})
    assert both.amounts() == second.amounts()


def test_an_order_in_two_files_of_one_import_counts_once(tmp_path: Path) -> None:
    head = "order id,item,line total,date,client\n"
    may = head + "o1,a,5,2025-05-02,c1\no1,b,6,2025-05-02,c1\no2,a,1,2025-05-03,c1\n"
    june = head + "o3,a,9,2025-06-02,c1\no1,b,6,2025-05-02,c1\no1,a,5,2025-05-02,c1\no2,a,2,2025-05-03,c1\n"
    found = understand_files(tmp_path, {"may.csv": may, "june.csv": june})
    assert found.amounts() == {"o1": "11.00", "o2": "2.00", "o3": "9.00"}  # o1 shows that the exports overlap
    assert found.left_out == {"duplicate": (3, [2, 3, 4])}


def test_moments_are_in_the_zone_of_a_column_the_option_or_the_policy(tmp_path: Path) -> None:
    text = "order id,amount,date,client\n1,5,2025-07-02 10:00,c1\n"
    assert (
        understand_text(tmp_path, text, Mapping(timezone="Asia/Almaty"))
        .events[0]["occurred_at"]
        .startswith("2025-07-02T05:00")
    )
    policy = PolicyInfo("RUB", timezone="Europe/Moscow")
    found = understand_text(tmp_path, text, Mapping(), policy)
    assert found.events[0]["occurred_at"].startswith("2025-07-02T07:00")
    assert found.assumed["timezone"] == "Europe/Moscow"
    assert understand_text(tmp_path, text, Mapping()).asked == {
        "timezone": "--timezone, such as --timezone Europe/Moscow"
    }
    text = (
        "order id,amount,date,client,time zone\n1,5,2025-07-02 10:00,c1,America/New_York\n2,5,2025-07-02 10:00,c1,MSK\n"
    )
    moments = [event["occurred_at"] for event in understand_text(tmp_path, text, Mapping()).events]
    assert moments == ["2025-07-02T07:00:00.000Z", "2025-07-02T14:00:00.000Z"]


def test_a_date_and_a_time_column_are_one_moment(tmp_path: Path) -> None:
    text = "order id,amount,date,time,client\n1,5,2025-07-02,10:05:30,c1\n"
    assert understand_text(tmp_path, text).events[0]["occurred_at"] == "2025-07-02T10:05:30.000Z"
    text = text.replace("date,time", "Day,At")
    mapping = 'timezone = "UTC"\n[fields]\noccurred_at = ["Day", "At"]'
    assert understand_text(tmp_path, text, mapping).events[0]["occurred_at"] == "2025-07-02T10:05:30.000Z"


@pytest.mark.parametrize(
    ("text", "currency"),
    [
        ("order id,amount,date,client\n1,€5.00,2025-07-02,c1\n2,7.00,2025-07-03,c1\n", "EUR"),
        ("order id,Amount (EUR),date,client\n1,5.00,2025-07-02,c1\n2,7.00,2025-07-03,c1\n", "EUR"),
        ("order id,amount,date,client,ccy\n1,5.00,2025-07-02,c1,eur\n2,7.00,2025-07-03,c1,EUR\n", "EUR"),
        ("order id,amount,date,client\n1,5.00,2025-07-02,c1\n2,7.00,2025-07-03,c1\n", "RUB"),
    ],
)
def test_the_currency_is_that_of_a_column_a_sign_a_name_or_the_policy(tmp_path: Path, text: str, currency: str) -> None:
    found = understand_text(tmp_path, text)
    assert [event["currency"] for event in found.events] == [currency] * 2
    gross = 1200 if currency == "RUB" else 118_080
    assert found.totals.gross_minor == gross


def test_each_row_can_have_the_currency_of_its_sign(tmp_path: Path) -> None:
    text = "order id,amount,date,client\n1,€5.00,2025-07-02,c1\n2,7.00 ₽,2025-07-03,c1\n3,8.00,2025-07-04,c1\n"
    found = understand_text(tmp_path, text)
    assert [event["currency"] for event in found.events] == ["EUR", "RUB"]
    assert found.left_out["unreadable"] == (1, [4])


def test_a_foreign_currency_is_refused_once_with_what_to_do(tmp_path: Path) -> None:
    text = "order id,amount,date,client,currency\n" + "".join(f"{n},5,2025-07-02,c1,USD\n" for n in range(50))
    with pytest.raises(ImportRefused, match=r"orders are in USD \(50, from line 2 on\).*policy suggest .*orders\.csv"):
        understand_text(tmp_path, text)
    found = understand_text(tmp_path, text, UTC, PolicyInfo(None))
    assert (found.totals.orders, found.totals.gross_minor) == (50, 25_000)
    text += "90,7,2025-07-02,c1,EUR\n"
    found = understand_text(tmp_path, text, UTC, PolicyInfo(None))
    assert (found.totals.orders, found.left_out) == (50, {"currency": (1, [52])})


def test_shares_are_no_sums_of_money(tmp_path: Path) -> None:
    text = (
        "order id,amount,date,client,discount\n1,80,2025-07-02,c1,0.2\n2,50,2025-07-02,c1,0\n3,60,2025-07-02,c1,0.15\n"
    )
    found = understand_text(tmp_path, text)
    assert ["discount" in event for event in found.events] == [False] * 3
    assert found.assumed["discount"] == "not used"
    text = (
        "order id,amount,date,client,discount\n1,80,2025-07-02,c1,20%\n2,50,2025-07-02,c1,\n3,60,2025-07-02,c1,0.15\n"
    )
    assert [event.get("discount") for event in understand_text(tmp_path, text).events] == ["16.00", None, "9.00"]


def test_an_unreadable_amount_leaves_out_the_whole_order(tmp_path: Path) -> None:
    text = "order id,item,line total,date,client\no1,a,5,2025-05-02,c1\no1,b,five,2025-05-02,c1\no2,c,6,2025-05-02,c1\n"
    found = understand_text(tmp_path, text)
    assert found.amounts() == {"o2": "6.00"}
    assert found.left_out == {"unreadable": (1, [2])}


def test_an_order_of_nothing_is_an_order(tmp_path: Path) -> None:
    found = understand_text(tmp_path, "order id,amount,date,client\no1,0.00,2025-05-02,c1\n")
    assert found.amounts() == {"o1": "0.00"}


def test_digits_beyond_those_of_the_currency_are_rounded_and_stated(tmp_path: Path) -> None:
    text = "order id,amount,date,client\n1,2.345,2025-05-02,c1\n2,2.355,2025-05-02,c1\n3,0.0349,2025-05-02,c2\n"
    found = understand_text(tmp_path, text, Mapping(timezone="UTC", decimal="."))
    assert list(found.amounts().values()) == ["2.34", "2.36", "0.03"]
    assert found.assumed["amount.rounding"] == "half to even, after summing"
    assert found.totals.gross_minor == 473
    yen = understand_text(tmp_path, "order id,amount,date,client\n1,250.00,2025-05-02,c1\n", UTC, PolicyInfo("JPY"))
    assert yen.amounts() == {"1": "250"}


def test_consents_of_orders_become_signups_with_the_latest_ones(tmp_path: Path) -> None:
    text = (
        "order id,amount,date,client,newsletter,sms opt in\n"
        "1,5,2025-05-02,c1,yes,no\n2,5,2025-05-09,c1,no,\n3,5,2025-05-03,c2,yes,\n4,5,2025-05-03,,yes,\n5,5,2025-05-03,c3,,\n"
    )
    found = understand_text(tmp_path, text)
    consents = {event["customer_id"]: (event["consent"], event["occurred_at"][:10]) for event in found.of("signup")}
    assert consents == {"c1": ({"email": False, "sms": False}, "2025-05-09"), "c2": ({"email": True}, "2025-05-03")}
    assert found.totals.reachable == {"email": 1}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("number,when,total,shop\n1,2025-05-02,5,s1\n2,2025-05-03,5,s2\n", "fields.customer_id"),
        ("order id,client,total,delivered\n1,c1,5,2025-05-02\n2,c2,6,2025-05-02\n", "fields.occurred_at"),
        ("order id,client,date,paid in cash\n1,c1,2025-05-02,5.00\n2,c2,2025-05-02,6.00\n", "fields.amount"),
        ("order id,client,total\n1,c1,5\n2,c2,6\n", "set.occurred_at"),
    ],
)
def test_a_field_without_which_nothing_can_be_imported_is_asked_for(tmp_path: Path, text: str, key: str) -> None:
    assert key in understand_text(tmp_path, text).asked


@pytest.mark.parametrize(
    ("text", "mapping", "error"),
    [
        (
            "order id,amount,date,client\n1,5,2025-05-02,\n2,5,2025-05-02,\n3,5,2025-05-02,c1\n",
            "",
            "2 of 3 orders have no customer.*--allow-anonymous",
        ),
        (
            "order id,amount,date,client,status\n1,5,2025-05-02,c1,failed\n2,5,2025-05-02,c1,cancelled\n",
            "",
            "no order at all; left out: 2 status",
        ),
        ("order id,amount,date,client\n1,x,2025-05-02,c1\n2,4,yesterday,c1\n", "", "no order at all"),
        (
            "Email,amount,date\n1,5,2025-05-02\n",
            '[fields]\ncustomer_id = "Emial"',
            "no row of orders.csv has a column 'Emial'; did you mean Email?",
        ),
        (
            "Email,Receipt Number,amount,date\na@example.com,,5,2025-05-02\n",
            '[fields]\norder_id = "Receipt Number"',
            "no row has a value in 'Receipt Number'",
        ),
    ],
)
def test_what_is_probably_wrong_is_refused(tmp_path: Path, text: str, mapping: str, error: str) -> None:
    with pytest.raises(ImportRefused, match=error):
        understand_text(tmp_path, text, f'timezone = "UTC"\n{mapping}')


def test_most_orders_may_be_anonymous_if_the_user_says_so(tmp_path: Path) -> None:
    files = {"a.csv": "order id,amount,date,shop\n1,5,2025-05-02,s1\n2,5,2025-05-03,s1\n"}
    found = understand_files(tmp_path, files, UTC, ROUBLES, UnderstandOptions(allow_anonymous=True))
    assert (found.totals.orders, found.totals.anonymous) == (2, 2)


def test_an_event_after_the_latest_moment_is_left_out(tmp_path: Path) -> None:
    files = {"a.csv": "order id,amount,date,client\n1,5,2025-05-02,c1\n2,5,2125-05-03,c1\n"}
    found = understand_files(tmp_path, files, UTC, ROUBLES, UnderstandOptions(latest_ms=1_800_000_000_000))
    assert found.left_out == {"future": (1, [3])}


def test_rows_can_be_filtered_and_joined_by_a_mapping_file(tmp_path: Path) -> None:
    mapping = """
    timezone = "UTC"
    [fields]
    customer_id = "person"
    amount = "paid"
    [[skip]]
    column = "till"
    values = ["Training"]
    reason = "test_order"
    [[join]]
    columns = ["order id", "paid"]
    on = ["order id"]
    many = true
    [[join]]
    columns = ["account", "person"]
    on = ["account"]
    """
    files = {
        "orders.csv": "order id,account,date,till\no1,a1,2025-05-02,1\no2,a2,2025-05-03,training\no3,a2,2025-05-04,2\n",
        "payments.csv": "order id,paid\no1,5.50\no1,4.50\no3,7\no2,1\n",
        "accounts.csv": "account,person\na1,p1\na2,p1\na2,p1\n",
    }
    found = understand_files(tmp_path, files, mapping)
    assert found.amounts() == {"o1": "10.00", "o3": "7.00"}
    assert found.customers() == ["p1", "p1"]
    assert found.left_out == {"test_order": (1, [3])}


def test_items_of_nested_orders_make_their_amounts(tmp_path: Path) -> None:
    orders = (
        '[{"number": "n1", "date": "2025-05-02T10:00:00Z", "customer": {"id": 5}, '
        '"items": [{"price": 2.5, "quantity": 2}, {"price": 0.1, "quantity": 3}]},'
        ' {"number": "n2", "date": "2025-05-03T10:00:00Z", "customer": {"id": 6}, '
        '"items": [{"price": 1, "quantity": 1}]}]'
    )
    found = understand_files(tmp_path, {"orders.json": orders}, 'timezone = "UTC"\n[fields]\norder_id = "number"')
    assert found.amounts() == {"n1": "5.30", "n2": "1.00"}
    assert found.customers() == ["5", "6"]
    assert found.totals.rows == 2


def test_the_written_mapping_understands_the_file_in_the_same_way(tmp_path: Path) -> None:
    from agents.importing.mapping.mapping_writer import write_mapping

    first = understand_text(tmp_path, LINES.replace("Bought at", "Date"), UTC, POUNDS)
    again = understand_text(tmp_path, LINES.replace("Bought at", "Date"), write_mapping(first.mapping), POUNDS)
    assert again.events == first.events


def test_a_rate_in_the_file_converts(tmp_path: Path) -> None:
    text = "order id,amount,date,client,currency,rate\n1,5,2025-05-02,c1,USD,80.5\n2,100,2025-05-02,c1,RUB,\n"
    found = understand_text(tmp_path, text)
    assert [event.get("rate") for event in found.events] == ["80.5", None]
    assert found.totals.gross_minor == int(Decimal("402.50") * 100) + 10_000
