"""Mapping files: how a file is read is written down, checked as a whole, and written back."""

from pathlib import Path

import pytest

from agents.importing.mapping.event_fields import FIELDS_BY_KIND
from agents.importing.mapping.expression import Arithmetic, Column, FirstFilled, Joined, columns_of, describe
from agents.importing.mapping.known_names import known_names, normalize_name, without_unit
from agents.importing.mapping.mapping import Grouping, Identify, Mapping, RowRule, Statuses, combine
from agents.importing.mapping.mapping_answers import with_answer
from agents.importing.mapping.mapping_reader import read_mapping
from agents.importing.mapping.mapping_writer import write_mapping
from agents.importing.mapping.name_recognition import ColumnNames, kind_of_word, status_of_word, unit_of
from agents.importing.platforms.catalog import Platform, all_platforms, check_platform, detect_platform, platform_names
from state.config.config_errors import ConfigErrors


def mapping_of(tmp_path: Path, text: str) -> Mapping:
    """Return the mapping of a file with this text."""
    path = tmp_path / "map.toml"
    path.write_text(text)
    return read_mapping(path)


def errors_of(tmp_path: Path, text: str) -> list[str]:
    """Return the errors of a mapping file, without its name."""
    with pytest.raises(ConfigErrors) as caught:
        mapping_of(tmp_path, text)
    return [error.removeprefix(f"{tmp_path / 'map.toml'}: ") for error in caught.value.errors]


WHOLE = """
platform = "square"
timezone = "Europe/Moscow"
time_format = "%d.%m.%Y"
date_order = "month_first"
decimal = ","
currency = "KZT"
delimiter = ";"
encoding = "cp1251"
header = ["who", "day"]
skip_lines = 3
negative = "skip"
source = "north"
identify = { by = "id", key_env = "SHOP_KEY" }

[fields]
customer_id = { column = "Buyer", extract = '\\[(\\d+)\\]' }
occurred_at = { join = ["Day", "Hour"] }
amount = ["Total", { add = ["Net", { multiply = ["Tax", "Rate"] }] }]
discount = { subtract = ["List", "Total"] }
refunded = { column = "refunds", each = "total" }
converted_amount = { column = "Bonus", divide = 100 }
consent.email = "News"

[refund]
order_id = "Original"

[set]
channel = "till"
consent.sms = false

[words]
purchase = ["VK", "sale*"]
other = "skip"

[status]
counts = ["ok"]
other = "skip"

[group]
by = ["customer_id", "occurred_at"]
amount = "sum"

[guests]
values = ["nobody"]

[[skip]]
column = "Register"
values = ["training"]
reason = "test_order"

[[keep]]
column = "Shop"
matches = "^N"

[[join]]
columns = ["order", "paid"]
on = ["order"]
required = true
title = "the payments"
"""


def test_a_mapping_file_says_everything_about_a_file(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, WHOLE)
    assert mapping.fields["customer_id"] == Column("Buyer", extract=r"\[(\d+)\]")
    assert mapping.fields["occurred_at"] == Joined(("Day", "Hour"))
    tax = Arithmetic("multiply", (Column("Tax"), Column("Rate")))
    assert mapping.fields["amount"] == FirstFilled((Column("Total"), Arithmetic("add", (Column("Net"), tax))))
    assert mapping.fields["refunded"] == Column("refunds", each="total")
    assert mapping.fields["converted_amount"] == Column("Bonus", divide=100)
    assert mapping.refund == {"order_id": Column("Original")}
    assert mapping.constants == {"channel": "till", "consent.sms": "false"}
    assert mapping.words == {"purchase": ("VK", "sale*")}
    assert mapping.statuses == Statuses(counts=("ok",), other="skip")
    assert mapping.group == Grouping(("customer_id", "occurred_at"), "sum")
    assert mapping.rules[0] == RowRule("Register", ("training",), reason="test_order")
    assert mapping.rules[1] == RowRule("Shop", matches="^N", keep=True, reason="not_kept")
    assert mapping.identify == Identify("id", "SHOP_KEY")
    assert mapping.read_options().delimiter == ";"
    assert (mapping.date_order, mapping.skip_lines, mapping.currency) == ("month_first", 3, "KZT")


def test_a_written_mapping_reads_back_as_the_same(tmp_path: Path) -> None:
    mapping = mapping_of(tmp_path, WHOLE)
    assert mapping_of(tmp_path, write_mapping(mapping)) == mapping


@pytest.mark.parametrize("platform", all_platforms(), ids=lambda platform: str(platform.title))
def test_a_platform_can_be_written_as_a_mapping_file(tmp_path: Path, platform: Platform) -> None:
    mapping = platform.mapping
    assert mapping_of(tmp_path, write_mapping(mapping)) == mapping
    assert combine(mapping, mapping) == mapping


def test_all_errors_of_a_mapping_file_are_reported_together(tmp_path: Path) -> None:
    errors = errors_of(
        tmp_path,
        """
        kind = "sale"
        timezone = "Moscow"
        time_format = "dd.mm"
        date_order = "american"
        decimal = ";"
        delimiter = ";;"
        encoding = "utf-9"
        header = [1]
        colour = "red"
        currency = "rubles"
        negative = "maybe"
        source = "a:b"
        identify = "phone"
        skip_lines = -1
        [fields]
        amont = "sum"
        amount = 5
        occurred_at = { multiply = ["a", "b"] }
        customer_id = { column = "a", extract = "x" }
        order_id = { column = "a", zone = "UTC" }
        discount = { add = ["a"] }
        refunded_at = { column = "a", zone = "EST5" }
        unit_price = { column = "a", divide = 60 }
        refunded = { column = "a", each = "b", divide = 100 }
        [set]
        channel = 1.5
        [words]
        sale = ["x"]
        [status]
        other = "maybe"
        [group]
        by = ["order"]
        [[skip]]
        column = "x"
        [[keep]]
        column = "x"
        matches = "("
        [[join]]
        columns = ["x"]
        """,
    )
    places = {error.split()[0] for error in errors}
    assert places == {
        "kind",
        "timezone",
        "time_format",
        "date_order",
        "decimal",
        "delimiter",
        "encoding",
        "header",
        "colour",
        "currency",
        "negative",
        "source",
        "identify",
        "skip_lines",
        "fields.amont",
        "fields.amount",
        "fields.occurred_at",
        "fields.customer_id",
        "fields.order_id",
        "fields.discount",
        "fields.refunded_at",
        "fields.unit_price",
        "fields.refunded",
        "set.channel",
        "words.sale",
        "status.other",
        "group.by",
        "skip",
        "keep",
        "join",
    }
    assert "fields.amont is not a field of an event; did you mean amount?" in errors


@pytest.mark.parametrize(
    ("text", "error"),
    [("kind = ", "is not TOML"), ("x" * 300_000, "must have at most"), ("a.b = 1", "a is unknown")],
)
def test_a_broken_mapping_file_is_one_error_that_names_it(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(ConfigErrors, match=error) as caught:
        read_mapping(path)
    assert len(caught.value.errors) == 1
    assert caught.value.errors[0].startswith(str(path))


def test_a_mapping_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match=r"nowhere\.toml cannot be read"):
        read_mapping(tmp_path / "nowhere.toml")


def test_a_mapping_file_replaces_what_the_platform_computes_the_same_from() -> None:
    base = Mapping(
        platform="shop",
        fields={"email": Column("Email"), "customer_id": Column("No"), "amount": Column("Net")},
        rules=(RowRule("a", ("x",)),),
    )
    changed = combine(base, Mapping(fields={"customer_id": Column("Card")}, rules=(RowRule("b", ("y",)),)))
    assert changed.fields == {"customer_id": Column("Card"), "amount": Column("Net")}
    assert len(changed.rules) == 2
    by_email = combine(base, Mapping(fields={"customer_id": Column("Card")}, identify=Identify()))
    assert by_email.fields["email"] == Column("Email")
    assert combine(base, Mapping(timezone="Asia/Almaty")).timezone == "Asia/Almaty"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("timezone", "Asia/Almaty", Mapping(timezone="Asia/Almaty")),
        ("currency", "KZT", Mapping(currency="KZT")),
        ("format", "xlsx", Mapping(file_format="xlsx")),
        ("time_format", "month_first", Mapping(time_format="month_first")),
        ("fields.customer_id", "Card", Mapping(fields={"customer_id": Column("Card")})),
        ("fields.customer_id", '["A", "B"]', Mapping(fields={"customer_id": FirstFilled((Column("A"), Column("B")))})),
        ("set.occurred_at", "2025-05-12", Mapping(constants={"occurred_at": "2025-05-12"})),
        ("group.amount", "first", Mapping(group=Grouping(amount="first"))),
    ],
)
def test_an_answer_is_stored_under_the_key_of_its_question(key: str, value: str, expected: Mapping) -> None:
    assert with_answer(Mapping(), key, value) == expected


def test_an_answer_that_is_not_valid_is_refused_and_the_rest_stays() -> None:
    with pytest.raises(ConfigErrors, match="timezone must be an IANA name"):
        with_answer(Mapping(), "timezone", "MSK")
    mapping = Mapping(fields={"amount": Column("Sum")}, constants={"channel": "x"}, group=Grouping(("order_id",)))
    changed = with_answer(with_answer(mapping, "fields.customer_id", "Card"), "group.amount", "sum")
    assert changed.fields == {"amount": Column("Sum"), "customer_id": Column("Card")}
    assert changed.group == Grouping(("order_id",), "sum")
    assert changed.constants == {"channel": "x"}


def test_expressions_know_their_columns_and_describe_themselves() -> None:
    total = FirstFilled((Column("total"), Arithmetic("add", (Column("net"), Column("tax")))))
    assert list(columns_of(total)) == ["total", "net", "tax"]
    assert describe(total) == "total, else net + tax"
    assert describe(Joined(("Date", "Time"))) == "Date and Time"


@pytest.mark.parametrize("field", sorted({field for fields in FIELDS_BY_KIND.values() for field in fields}))
def test_every_field_of_an_event_is_recognized_by_its_own_name(field: str) -> None:
    assert ColumnNames([field]).candidates(field) == [field]


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("Order #", "order_id"),
        ("№ заказа", "order_id"),
        ("Número de pedido", "order_id"),
        ("Contact Email", "email"),
        ("Контрагент", "customer_name"),
        ("ПОКУПАТЕЛЬ", "customer_name"),
        ("CustomerID", "customer_id"),
        ("Сумма, тг", "amount"),
        ("Grand Total (EUR)", "amount"),
        ("total_usd", "amount"),
        ("Kaufdatum", "occurred_at"),
        ("Дата оформления", "occurred_at"),
        ("order.purchase_date", "occurred_at"),
    ],
)
def test_columns_are_recognized_as_people_and_programs_name_them(name: str, field: str) -> None:
    names = ColumnNames(["x", name, "y"])
    assert names.candidates(field) == [name]
    others = {each for each in known_names().columns if each != field and names.candidates(each)}
    assert others <= {"kind"}


@pytest.mark.parametrize("name", ["Сумма, тыс. руб.", "Delivery Date", "Manager Email", "Total weight", "Name"])
def test_columns_that_mean_something_else_are_not_recognized(name: str) -> None:
    names = ColumnNames([name])
    assert [field for field in ("amount", "occurred_at", "email", "customer_id") if names.candidates(field)] == []


def test_an_exact_name_comes_before_one_with_a_unit() -> None:
    assert ColumnNames(["Total (USD)", "Total"]).candidates("amount") == ["Total", "Total (USD)"]
    assert without_unit("Сумма, руб.") == ("Сумма", "руб.")
    assert (unit_of("Сумма, руб."), unit_of("Created (UTC)"), unit_of("Order Date")) == ("руб.", "UTC", "")
    assert normalize_name("Číslo_objednávky ") == "cisloobjednavky"


@pytest.mark.parametrize(
    ("word", "kind"),
    [("Продажа", "purchase"), ("возврат", "refund"), ("remove_from_cart", "skip"), ("VIEW", "skip"), ("gift", None)],
)
def test_words_of_a_type_column_stand_for_kinds(word: str, kind: str | None) -> None:
    assert kind_of_word(word) == kind


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("Отменён", "skip"),
        ("wc-completed", "counts"),
        ("payment pending", "skip"),
        ("Возвращен", "refunded"),
        ("x", None),
    ],
)
def test_words_of_a_status_column_say_whether_an_order_counts(word: str, meaning: str | None) -> None:
    assert status_of_word(word) == meaning


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ("Name,Email,Financial Status,Paid at,Total,Created at", "shopify"),
        ("Customer ID,Email,Accepts Email Marketing,Accepts SMS Marketing,Total Spent", "shopify"),
        ("id,status,currency,total,date_created_gmt,customer_id", "woocommerce"),
        ("id;status;total;billing.email;date_paid_gmt", "woocommerce"),
        ("Date,Time,Time Zone,Item,Net Sales,Transaction ID,Event Type", "square"),
        ("id,Created (UTC),Amount,Currency,Status,Customer Email", "stripe"),
        ("Date,Time,TimeZone,Name,Type,Status,Gross,From Email Address,Transaction ID", "paypal"),
        ("Sale Date,Order ID,Buyer User ID,Order Total", "etsy"),
        ("ID,Дата заказа,Покупатель,Сумма,Статус,Отменен", "bitrix"),
        ("order_id,customer_id,order_status,order_purchase_timestamp", "olist"),
        ("event_name,event_timestamp,user_pseudo_id", "ga4"),
        ("type,event,messageId,userId,properties.order_id", "segment"),
        ("type,event_id,customer_id,occurred_at", "goldstream"),
        ("date,customer_id,order_id,amount", None),
        ("Name,Email,Total", None),
    ],
)
def test_a_platform_is_detected_by_its_columns(columns: str, name: str | None) -> None:
    found = detect_platform(columns.replace(";", ",").split(","))
    assert (found.name if found else None) == name


def test_only_known_platforms_are_accepted() -> None:
    assert {"shopify", "woocommerce", "square", "stripe", "paypal", "etsy", "bitrix", "olist", "ga4", "segment"} <= set(
        platform_names()
    )
    assert check_platform("generic") == []
    assert check_platform("shopfy") == ["platform 'shopfy' is unknown; did you mean shopify?"]
