"""Exports of the known platforms: what counts, who the customer is, and which refunds belong to which orders."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agents.importing.findings import ImportRefused
from agents.importing.mapping.mapping import Mapping
from agents.importing.understanding import PolicyInfo, UnderstandOptions
from tests.unit.agents.importing.understood_files import Understood, understand_files, understand_text

DOLLARS = PolicyInfo("USD")
EUROS = PolicyInfo("EUR", {"GBP": Decimal("1.15")})
NO_MAP = Mapping()


def lines_of(*rows: str) -> str:
    """Return the text of a file with these lines."""
    return "\n".join(rows) + "\n"


def json_lines(*records: dict[str, Any]) -> str:
    """Return the text of a JSON Lines file."""
    return "".join(json.dumps(record) + "\n" for record in records)


SHOPIFY = lines_of(
    "Name,Email,Financial Status,Paid at,Accepts Marketing,Currency,Subtotal,Total,Discount Code,Discount Amount,"
    "Created at,Lineitem quantity,Lineitem name,Lineitem price,Cancelled at,Payment Method,Refunded Amount,Source,"
    "Receipt Number",
    "#2007,Zoe@Example.com,paid,2025-04-07 21:00:02 -0400,yes,USD,50.00,54.10,,0.00,2025-04-07 21:00:00 -0400,"
    "1,Mug,30.00,,Stripe,0.00,web,",
    "#2007,Zoe@Example.com,,,,,,,,,2025-04-07 21:00:00 -0400,2,Cup,10.00,,,,,",
    "#2006,,paid,2025-04-06 10:00:00 -0400,no,USD,9.00,9.00,,0.00,2025-04-06 10:00:00 -0400,1,Tea,9.00,,Cash,0.00,pos,",
    "#2005,max@example.com,partially_refunded,2025-04-05 09:00:00 -0400,no,USD,40.00,40.00,SPRING,10.00,"
    "2025-04-05 08:59:00 -0400,1,Pot,50.00,,Stripe,15.50,web,",
    "#2004,max@example.com,refunded,2025-04-04 09:00:00 -0400,no,USD,20.00,20.00,,0.00,2025-04-04 09:00:00 -0400,"
    "1,Pot,20.00,2025-04-05 09:00:00 -0400,Stripe,20.00,web,",
    "#2003,ann@example.com,voided,,no,USD,20.00,20.00,,0.00,2025-04-03 09:00:00 -0400,1,Pot,20.00,,Stripe,0.00,web,",
    "#2002,ann@example.com,pending,,no,USD,20.00,20.00,,0.00,2025-04-02 09:00:00 -0400,1,Pot,20.00,,Bank,0.00,web,",
    "#2001,ann@example.com,paid,2025-04-01 09:00:00 -0400,no,USD,5.00,5.00,,0.00,2025-04-01 09:00:00 -0400,1,Pot,5.00,"
    ",bogus,0.00,web,",
    "#2001,ann@example.com,,,,,,,,,2025-04-01 09:00:00 -0400,1,Lid,0.00,,,,,",
    "#2000,zoe@example.com,paid,,no,USD,0.00,0.00,GIFT,25.00,2025-03-31 09:00:00 -0400,1,Pot,25.00,,,0.00,web,",
)


def test_shopify_orders(tmp_path: Path) -> None:
    found = understand_text(tmp_path, SHOPIFY, NO_MAP, DOLLARS)
    assert found.platform == "shopify"
    assert found.amounts() == {"#2000": "0.00", "#2004": "20.00", "#2005": "40.00", "#2006": "9.00", "#2007": "54.10"}
    assert found.customers() == ["zoe@example.com", "max@example.com", "max@example.com", None, "zoe@example.com"]
    assert found.amounts("refund") == {"#2004:refunded:20.00": "20.00", "#2005:refunded:15.50": "15.50"}
    assert [event["occurred_at"] for event in found.of("purchase")][-1] == "2025-04-08T01:00:02.000Z"
    assert {event["order_id"]: event.get("discount") for event in found.of("purchase")}["#2005"] == "10.00"
    assert found.left_out == {"status": (2, [7, 8]), "test_order": (1, [9])}
    consents = {event["customer_id"]: event["consent"] for event in found.of("signup")}
    assert consents == {"zoe@example.com": {"email": True}, "max@example.com": {"email": False}}
    assert found.totals.reachable == {"email": 1}
    assert (found.totals.gross_minor, found.totals.refunds_minor, found.totals.anonymous) == (12_310, 3_550, 1)


def test_a_longer_shopify_export_has_the_same_ids_for_what_it_repeats(tmp_path: Path) -> None:
    head, *rows = SHOPIFY.splitlines()
    newer = (
        "#2008,new@example.com,paid,2025-04-09 09:00:00 -0400,no,USD,1.00,1.00,,0.00,2025-04-09 09:00:00 -0400,1,Tea,"
        "1.00,,Cash,0.00,web,"
    )
    first = understand_text(tmp_path, SHOPIFY, NO_MAP, DOLLARS)
    later = understand_text(tmp_path, lines_of(head, newer, *rows), NO_MAP, DOLLARS)
    assert [
        event for event in later.events if event["event_id"] not in {each["event_id"] for each in first.events}
    ] == [
        *later.of("signup")[-1:],
        *later.of("purchase")[-1:],
    ]


CUSTOMERS = lines_of(
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address City,Default Address Country Code,"
    "Phone,Accepts SMS Marketing,Total Spent,Total Orders,Tags",
    "'701,Ann,Lee,Ann@Example.com,yes,Graz,AT,,no,45.00,2,",
    "'702,Bob,Ray,bob@example.com,no,,US,,yes,0.00,0,",
    "'703,Cas,May,,no,,US,'+1555,yes,0.00,0,",
)


def test_shopify_customers_are_signups_with_consents(tmp_path: Path) -> None:
    found = understand_text(tmp_path, CUSTOMERS, NO_MAP, DOLLARS)
    assert found.platform == "shopify"
    assert [(event["customer_id"], event["consent"]) for event in found.events] == [
        ("ann@example.com", {"email": True, "sms": False}),
        ("bob@example.com", {"email": False, "sms": True}),
        ("703", {"email": False, "sms": True}),
    ]
    assert (found.events[0]["city"], found.events[0]["country"]) == ("Graz", "AT")
    assert found.totals.reachable == {"email": 1, "sms": 2}
    assert "occurred_at" in found.assumed


def test_shopify_orders_and_customers_belong_together(tmp_path: Path) -> None:
    found = understand_files(tmp_path, {"orders.csv": SHOPIFY, "customers.csv": CUSTOMERS}, NO_MAP, DOLLARS)
    assert found.platform == "shopify"
    assert (found.totals.orders, found.totals.events["signup"], found.totals.customers) == (5, 5, 5)


def woo(**changes: Any) -> dict[str, Any]:
    """Return an order as WooCommerce's REST API writes it."""
    order: dict[str, Any] = {
        "id": 811,
        "number": "W-811",
        "status": "completed",
        "currency": "EUR",
        "date_created": "2025-02-01T11:00:00",
        "date_created_gmt": "2025-02-01T10:00:00",
        "date_paid_gmt": "2025-02-01T10:05:00",
        "discount_total": "5.00",
        "total": "45.00",
        "customer_id": 12,
        "created_via": "checkout",
        "billing": {"email": "Eva@Example.com", "city": "Linz"},
        "refunds": [],
    }
    return order | changes


def test_woocommerce_orders_of_its_api(tmp_path: Path) -> None:
    orders = [
        woo(),
        woo(
            id=812,
            status="processing",
            customer_id=0,
            refunds=[{"id": 1, "total": "-4.50"}, {"id": 2, "total": "-0.5"}],
        ),
        woo(id=813, status="refunded", customer_id=0, billing={"email": ""}, date_paid_gmt=None),
        woo(id=814, status="on-hold"),
        woo(id=815, status="failed"),
        woo(id=816, customer_id=9, billing={"email": "bob@example.com"}, currency="GBP"),
    ]
    found = understand_files(tmp_path, {"orders.json": json.dumps(orders)}, NO_MAP, EUROS)
    assert found.platform == "woocommerce"
    assert found.amounts() == {"813": "45.00", "811": "45.00", "812": "45.00", "816": "45.00"}
    assert found.customers() == [None, "eva@example.com", "eva@example.com", "bob@example.com"]
    assert found.amounts("refund") == {
        "813:refunded:45.00": "45.00",
        "812:refunded:4.50": "4.50",
        "812:refunded:5.00": "0.50",
    }
    assert [event["occurred_at"] for event in found.of("purchase")][:2] == [
        "2025-02-01T10:00:00.000Z",
        "2025-02-01T10:05:00.000Z",
    ]
    assert found.left_out == {"status": (2, [4, 5])}
    assert found.totals.gross_minor == 3 * 4_500 + 5_175


def test_woocommerce_orders_of_a_plug_in_with_a_row_for_each_item(tmp_path: Path) -> None:
    text = lines_of(
        "order_id,order_number,order_date,status,order_total,order_currency,customer_id,billing_email,item_name,quantity",
        "91,91,2025-02-01 10:00:00,wc-completed,30.00,EUR,0,guest@example.com,Tea,1",
        "91,91,2025-02-01 10:00:00,wc-completed,30.00,EUR,0,guest@example.com,Cup,2",
        "92,92,2025-02-02 10:00:00,wc-cancelled,11.00,EUR,4,bob@example.com,Cup,1",
        "93,93,2025-02-03 10:00:00,wc-processing,12.00,EUR,4,,Cup,1",
    )
    found = understand_text(tmp_path, text, Mapping(timezone="Europe/Vienna"), EUROS)
    assert found.amounts() == {"91": "30.00", "93": "12.00"}
    assert found.customers() == ["guest@example.com", "4"]
    assert found.events[0]["occurred_at"] == "2025-02-01T09:00:00.000Z"


SQUARE = lines_of(
    "Date,Time,Time Zone,Category,Item,Qty,Gross Sales,Discounts,Net Sales,Tax,Transaction ID,Event Type,Location,"
    "Customer ID",
    "2025-07-04,09:30:00,Pacific Time (US & Canada),Food,Bun,1.0,$5.00,-$1.00,$4.00,$0.10,tx1,Payment,Pier,cu1",
    "2025-07-04,09:30:00,Pacific Time (US & Canada),Food,Cake,1.0,"
    '"$1,005.00",$0.00,"$1,005.00",$0.10,tx1,Payment,Pier,cu1',
    "2025-07-04,10:30:00,Pacific Time (US & Canada),Food,Bun,1.0,$5.00,$0.00,$5.00,$0.10,tx2,Payment,Pier,",
    "2025-07-05,10:00:00,Pacific Time (US & Canada),Food,Bun,-1.0,($5.00),$0.00,($4.00),$0.10,tx1,Refund,Pier,cu1",
    "2025-07-05,11:00:00,Pacific Time (US & Canada),Food,Bun,-1.0,-$3.00,$0.00,-$3.00,$0.10,tx0,Refund,Pier,cu9",
    "2025-07-06,11:00:00,Pacific Time (US & Canada),Food,Bun,1.0,$2.50,$0.00,$2.50,$0.10,tx3,Payment,Pier,cu2",
)


def test_square_items(tmp_path: Path) -> None:
    found = understand_text(tmp_path, SQUARE, NO_MAP, DOLLARS)
    assert found.platform == "square"
    assert found.amounts() == {"tx1": "1009.00", "tx2": "5.00", "tx3": "2.50"}
    assert found.customers() == ["cu1", None, "cu2"]
    assert found.events[0]["occurred_at"] == "2025-07-04T16:30:00.000Z"
    assert found.events[0]["discount"] == "1.00"
    of_order, other = found.of("refund")
    assert (of_order["order_id"], of_order["amount"], of_order["customer_id"]) == ("tx1", "4.00", "cu1")
    assert ("order_id" in other, other["amount"], other["customer_id"]) == (False, "3.00", "cu9")


STRIPE = lines_of(
    "id,Created date (UTC),Amount,Amount Refunded,Currency,Captured,Converted Amount,Converted Amount Refunded,"
    "Converted Currency,Mode,Refunded date (UTC),Status,Customer ID,Customer Email",
    "ch_1,2025-01-02 03:04:05,15.00,0.00,eur,true,,,,Live,,Paid,cus_A,A@example.com",
    "ch_2,2025-01-03 03:04:05,20.00,5.00,usd,true,18.50,4.60,eur,Live,2025-01-05 00:00:00,Paid,cus_A,a@example.com",
    "ch_3,2025-01-04 03:04:05,99.00,0.00,eur,false,,,,Live,,Failed,cus_B,b@example.com",
    "ch_4,2025-01-04 05:00:00,40.00,40.00,eur,true,,,,Live,2025-01-06 05:00:00,Refunded,cus_B,",
    "ch_5,2025-01-05 05:00:00,7.00,0.00,eur,true,,,,Test,,Paid,cus_C,c@example.com",
)


def test_stripe_payments(tmp_path: Path) -> None:
    found = understand_text(tmp_path, STRIPE, NO_MAP, EUROS)
    assert found.platform == "stripe"
    assert found.amounts() == {"ch_1": "15.00", "ch_2": "18.50", "ch_4": "40.00"}
    assert [event["currency"] for event in found.events] == ["EUR"] * 5
    assert found.customers() == ["a@example.com", "a@example.com", "cus_B"]
    assert found.amounts("refund") == {"ch_2:refunded:4.60": "4.60", "ch_4:refunded:40.00": "40.00"}
    assert [event["occurred_at"][:10] for event in found.of("refund")] == ["2025-01-05", "2025-01-06"]
    assert found.left_out == {"status": (1, [4]), "test_order": (1, [6])}


def test_foreign_payments_without_a_converted_amount_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"orders are in USD \(1, from line 3 on\)"):
        understand_text(tmp_path, STRIPE.replace("18.50,4.60,eur", ",,"), NO_MAP, PolicyInfo("EUR"))


PAYPAL = lines_of(
    '"Date","Time","TimeZone","Name","Type","Status","Currency","Gross","Fee","Net","From Email Address",'
    '"To Email Address","Transaction ID","Reference Txn ID","Balance Impact"',
    '"03/28/2025","10:00:00","PDT","Ann","Express Checkout Payment","Completed","EUR","1,250.00","-40.00","1,210.00",'
    '"Ann@example.com","shop@example.com","TX1","","Credit"',
    '"03/29/2025","10:00:00","PST","Bob","Website Payment","Completed","EUR","30.00","-1.00","29.00",'
    '"bob@example.com","shop@example.com","TX2","","Credit"',
    '"03/29/2025","11:00:00","PDT","Bob","Payment Refund","Completed","EUR","-12.00","0.40","-11.60",'
    '"shop@example.com","bob@example.com","TX3","TX2","Debit"',
    '"03/30/2025","09:00:00","PDT","","General Withdrawal","Completed","EUR","-500.00","0.00","-500.00",'
    '"shop@example.com","","TX4","","Debit"',
    '"03/30/2025","09:30:00","PDT","Cas","Mobile Payment","Pending","EUR","9.00","0.00","9.00",'
    '"cas@example.com","shop@example.com","TX5","","Memo"',
    '"03/30/2025","09:40:00","PDT","Host","PreApproved Payment Bill User Payment","Completed","EUR","-15.00","0.00",'
    '"-15.00","shop@example.com","host@example.com","TX6","","Debit"',
    '"03/30/2025","09:50:00","PDT","","Hold on Balance for Dispute Investigation","Completed","EUR","-9.00","0.00",'
    '"-9.00","shop@example.com","","TX7","TX2","Debit"',
    '"03/31/2025","09:50:00","PDT","Dan","Payment Refund","Completed","EUR","-3.00","0.00","-3.00",'
    '"shop@example.com","dan@example.com","TX8","TX0","Debit"',
)


def test_paypal_payments(tmp_path: Path) -> None:
    found = understand_text(tmp_path, PAYPAL, NO_MAP, EUROS)
    assert found.platform == "paypal"
    assert found.amounts() == {"TX1": "1250.00", "TX2": "30.00"}
    assert found.customers() == ["ann@example.com", "bob@example.com"]
    assert [event["occurred_at"] for event in found.of("purchase")] == [
        "2025-03-28T17:00:00.000Z",
        "2025-03-29T18:00:00.000Z",
    ]
    assert found.amounts("refund") == {"TX3": "12.00", "TX8": "3.00"}
    of_order, other = found.of("refund")
    assert (of_order["order_id"], of_order["customer_id"]) == ("TX2", "bob@example.com")
    assert ("order_id" in other, other["customer_id"]) == (False, "dan@example.com")
    assert found.left_out == {"not_a_sale": (3, [5, 7, 8]), "status": (1, [6])}


def test_etsy_orders(tmp_path: Path) -> None:
    text = lines_of(
        "Sale Date,Order ID,Buyer User ID,Full Name,Currency,Order Value,Coupon Code,Discount Amount,Order Total,"
        "Status,Adjusted Order Total,Buyer,Order Type",
        "02/03/25,111,ub1,A B,EUR,20.00,HELLO,2.00,18.00,,0,Ann (ub1),online",
        "02/03/25,112,,C D,EUR,5.00,,0,5.00,,0,,online",
        "02/04/25,113,ub2,E F,EUR,30.00,,0,30.00,,21.00,Eva,online",
    )
    found = understand_text(tmp_path, text, Mapping(timezone="UTC"), EUROS)
    assert found.platform == "etsy"
    assert found.amounts() == {"111": "18.00", "112": "5.00", "113": "30.00"}
    assert found.customers() == ["ub1", None, "ub2"]
    assert found.events[0]["occurred_at"].startswith("2025-02-03")
    assert found.amounts("refund") == {"113:refunded:9.00": "9.00"}


def test_bitrix_orders(tmp_path: Path) -> None:
    text = lines_of(
        "ID;Дата заказа;Покупатель;Сумма;Статус;Отменен",
        "31;12.05.2025 14:30:00;[17] Анна Ли (ann);1 500,50 руб.;Выполнен;Нет",
        "32;12.05.2025 15:30:00;[18] Иван (ivan);900 руб.;Принят;Да 13.05.2025",
        "33;13.05.2025 15:30:00;[17] Анна Ли-Май (ann);200 руб.;Выполнен;Нет",
        "34;13.05.2025 16:30:00;Без регистрации;50 руб.;Выполнен;Нет",
    )
    found = understand_text(tmp_path, text, Mapping(timezone="Europe/Moscow"))
    assert found.platform == "bitrix"
    assert found.amounts() == {"31": "1500.50", "33": "200.00", "34": "50.00"}
    assert found.customers() == ["17", "17", None]
    assert found.left_out == {"cancelled": (1, [3])}


OLIST = {
    "orders.csv": lines_of(
        '"order_id","customer_id","order_status","order_purchase_timestamp","order_approved_at"',
        '"o1","k1","delivered","2018-01-02 10:00:00",""',
        '"o2","k2","shipped","2018-02-02 10:00:00",""',
        '"o3","k3","canceled","2018-02-03 10:00:00",""',
        '"o4","k4","delivered","2018-02-04 10:00:00",""',
    ),
    "payments.csv": lines_of(
        '"order_id","payment_sequential","payment_type","payment_installments","payment_value"',
        '"o1",1,"voucher",1,10.10',
        '"o1",2,"voucher",1,10.10',
        '"o2",1,"boleto",1,7.00',
        '"o3",1,"boleto",1,8.00',
        '"o9",1,"boleto",1,9.00',
    ),
    "customers.csv": lines_of(
        '"customer_id","customer_unique_id","customer_city"',
        '"k1","p1","x"',
        '"k2","p1","x"',
        '"k3","p2","x"',
        '"k4","p3","x"',
    ),
}


def test_the_three_files_of_olist(tmp_path: Path) -> None:
    found = understand_files(tmp_path, OLIST, NO_MAP, PolicyInfo("BRL"))
    assert found.platform == "olist"
    assert found.amounts() == {"o1": "20.20", "o2": "7.00"}
    assert found.customers() == ["p1", "p1"]
    assert found.events[0]["occurred_at"] == "2018-01-02T12:00:00.000Z"
    assert found.left_out == {"status": (1, [4]), "unreadable": (1, [5]), "no_order": (1, [6])}
    assert found.totals.rows == 13


@pytest.mark.parametrize(("missing", "title"), [("payments.csv", "the payments"), ("customers.csv", "the customers")])
def test_a_missing_file_of_olist_is_named(tmp_path: Path, missing: str, title: str) -> None:
    files = {name: text for name, text in OLIST.items() if name != missing}
    with pytest.raises(ImportRefused, match=title):
        understand_files(tmp_path, files, NO_MAP, PolicyInfo("BRL"))


def ga4(name: str, at: str, user: str | None = "u1", **params: Any) -> dict[str, Any]:
    """Return an event of the BigQuery export of Google Analytics."""
    return {
        "event_date": "20250203",
        "event_timestamp": at,
        "event_name": name,
        "event_params": [
            {"key": key, "value": {"double_value" if isinstance(value, float) else "string_value": value}}
            for key, value in params.items()
        ],
        "user_id": user,
        "user_pseudo_id": "12.34",
    }


def test_purchases_of_google_analytics(tmp_path: Path) -> None:
    text = json_lines(
        ga4("session_start", "1738576800000000"),
        ga4("purchase", "1738576800123456", transaction_id="T1", value=30.5, currency="EUR", coupon="MAY"),
        ga4("purchase", "1738576900000000", transaction_id="T1", value=30.5, currency="EUR", coupon="MAY"),
        ga4("purchase", "1738577000000000", None, transaction_id="T2", value=4.0, currency="EUR"),
        ga4("refund", "1738663200000000", transaction_id="T1", value=-10.5, currency="EUR"),
        ga4("purchase", "1738577000000000", "u2", transaction_id="(not set)", value=1.0, currency="EUR"),
    )
    found = understand_files(tmp_path, {"events.json": text}, NO_MAP, EUROS)
    assert found.platform == "ga4"
    assert sorted(found.amounts().values()) == ["1.00", "30.50", "4.00"]
    assert sorted(found.customers(), key=str) == [None, "u1", "u2"]
    assert found.events[0]["occurred_at"] == "2025-02-03T10:00:00.123Z"
    (refund,) = found.of("refund")
    assert (refund["order_id"], refund["amount"]) == ("T1", "10.50")
    assert found.left_out == {"not_a_sale": (1, [1])}


def track(event: str, number: int, user: str | None = "u1", **properties: Any) -> dict[str, Any]:
    """Return a call of Segment's API."""
    person = {"userId": user} if user else {"anonymousId": "a9"}
    return {
        "type": "track",
        "event": event,
        "messageId": f"m{number}",
        "timestamp": f"2025-02-0{number}T10:00:00.250Z",
        "properties": properties,
        **person,
    }


def test_events_of_segment(tmp_path: Path) -> None:
    text = json_lines(
        track("Order Completed", 1, order_id="o1", total=27.5, revenue=22.5, currency="EUR", coupon="hi"),
        track("Order Completed", 2, order_id="o2", revenue=10, tax=2, shipping=3.25, currency="EUR"),
        track("Order Completed", 3, None, order_id="o3", value=5, currency="EUR"),
        track("Order Refunded", 4, order_id="o1", total=7.5, currency="EUR"),
        track("Order Cancelled", 5, order_id="o2", currency="EUR"),
        track("Product Viewed", 6, sku="a"),
        {
            "type": "identify",
            "messageId": "m7",
            "userId": "u1",
            "timestamp": "2025-02-07T10:00:00Z",
            "traits": {"a": 1},
        },
    )
    found = understand_files(tmp_path, {"events.jsonl": text}, NO_MAP, EUROS)
    assert found.platform == "segment"
    assert found.amounts() == {"o1": "27.50", "o2": "15.25", "o3": "5.00"}
    assert [event["event_id"] for event in found.of("purchase")] == ["m1", "m2", "m3"]
    assert found.customers() == ["u1", "u1", None]
    refunded, cancelled = found.of("refund")
    assert (refunded["order_id"], refunded["amount"]) == ("o1", "7.50")
    assert (cancelled["order_id"], cancelled["amount"], cancelled["refund_id"]) == ("o2", "15.25", "o2:cancelled")
    assert found.left_out == {"not_a_sale": (2, [6, 7])}


def test_amazon_reports_have_the_price_of_a_line(tmp_path: Path) -> None:
    text = lines_of(
        "amazon-order-id\tpurchase-date\tbuyer-email\torder-status\tproduct-name\tquantity\tcurrency\titem-price\titem-tax",
        '11-1\t2025-05-12T10:00:00+00:00\tA@example.com\tShipped\t5" bolt\t2\tEUR\t9.00\t1.80',
        "11-1\t2025-05-12T10:00:00+00:00\tA@example.com\tShipped\tNut\t1\tEUR\t1.00\t",
        "11-2\t2025-05-13T10:00:00+00:00\tb@example.com\tCancelled\tNut\t1\tEUR\t1.00\t",
    )
    found = understand_files(tmp_path, {"report.txt": text}, NO_MAP, EUROS)
    assert (found.platform, found.amounts(), found.customers()) == ("amazon", {"11-1": "11.80"}, ["a@example.com"])
    assert found.left_out == {"status": (1, [4])}


OWN: list[dict[str, Any]] = [
    {"type": "signup", "event_id": "1", "customer_id": "c", "consent": {"email": True, "sms": False}},
    {"type": "consent", "event_id": "2", "customer_id": "c", "channel": "email", "granted": False},
    {"type": "purchase", "event_id": "3", "customer_id": "c", "order_id": "o", "amount": "5.10", "currency": "RUB"},
    {"type": "refund", "event_id": "4", "customer_id": "c", "refund_id": "r", "amount": "5", "currency": "RUB"},
    {"type": "contact", "event_id": "5", "customer_id": "c", "message_id": "m", "kind": "opened"},
    {"type": "erasure", "event_id": "6", "customer_id": "c"},
]


def own_events(tmp_path: Path, records: list[dict[str, Any]]) -> Understood:
    """Return what is understood of our own events, all at one moment."""
    moment = {"occurred_at": "2025-05-12T10:30:00.000Z"}
    return understand_files(tmp_path, {"events.jsonl": json_lines(*(each | moment | {"x": [1]} for each in records))})


def test_our_own_events_of_all_kinds_are_published_as_they_are(tmp_path: Path) -> None:
    found = own_events(tmp_path, OWN)
    added = {"occurred_at": "2025-05-12T10:30:00.000Z", "backfill": True, "import_id": "test"}
    assert sorted(found.events, key=lambda event: str(event["event_id"])) == [each | added for each in OWN]
    assert found.platform == "goldstream"
    assert (found.totals.gross_minor, found.totals.refunds_minor) == (510, 500)


def test_our_own_events_are_checked_like_those_of_a_topic(tmp_path: Path) -> None:
    bad = [OWN[2] | {"amount": "1.005"}, OWN[2] | {"event_id": "7"}, OWN[2], OWN[5] | {"customer_id": ""}]
    found = own_events(tmp_path, [*OWN[:1], *bad])
    assert [event["type"] for event in found.events] == ["signup", "purchase"]
    assert found.left_out == {"unreadable": (1, [2]), "duplicate": (1, [4]), "no_customer": (1, [5])}


def test_the_platform_can_be_named(tmp_path: Path) -> None:
    text = lines_of("Name,Email,Total,Created at,Currency", "#1,a@example.com,5.00,2025-04-07 21:00:00 -0400,USD")
    found = understand_text(tmp_path, text, Mapping(platform="generic", timezone="UTC"), DOLLARS)
    assert found.platform == "generic"
    with pytest.raises(ImportRefused, match="is no export of shopify: it has no column"):
        understand_text(tmp_path, text, Mapping(platform="shopify"), DOLLARS)
    only = understand_text(tmp_path, STRIPE, Mapping(platform="stripe"), EUROS)
    assert only.platform == "stripe"


def test_a_platform_without_customers_may_be_anonymous(tmp_path: Path) -> None:
    text = lines_of("Name,Financial Status,Total,Created at,Currency", "#1,paid,5.00,2025-04-07 21:00:00 -0400,USD")
    assert list(understand_text(tmp_path, text, NO_MAP, DOLLARS).asked) == ["fields.customer_id"]
    options = UnderstandOptions(allow_anonymous=True)
    found = understand_files(tmp_path, {"a.csv": text}, NO_MAP, DOLLARS, options)
    assert (found.totals.orders, found.totals.anonymous) == (1, 1)
