"""Which records are admitted, as which event. Amounts are in `test_admission_money.py`."""

import json

import pytest

from state.intake.admission import SOURCE_TOPICS, AdmissionRules, Admitted, Rejected, admit
from state.records.events import (
    AnonymousSale,
    ConsentChanged,
    CustomerErased,
    CustomerEvent,
    CustomerSignedUp,
    MessageContacted,
    OrderPlaced,
    OrderRefunded,
)
from tests.records.published import (
    HEAD,
    KINDS,
    LATE,
    NOON,
    RUBLES,
    VALID,
    admit_record,
    assert_rejected,
    event_of,
    record,
    record_of_texts,
)

EVENTS: dict[str, CustomerEvent] = {
    "purchases": OrderPlaced(
        "purchases", 3, 40, "e-1", NOON, False, "o-1", 124050, "RUB", 124050, None, 10000, "SPRING", "web", "s-4",
        import_id="2026-11-29/shop.csv"
    ),
    "refunds": OrderRefunded("refunds", 3, 40, "e-1", NOON, False, "r-1", 4050, "RUB", 4050, None, "o-1"),
    "signups": CustomerSignedUp(
        "signups", 3, 40, "e-1", NOON, False, "till", {"email": True, "sms": False}, "1990-12-31", "Казань", "RU",
        "Europe/Moscow", "ru", "c-3",
    ),
    "consents": ConsentChanged("consents", 3, 40, "e-1", NOON, False, "email", True),
    "contacts": MessageContacted(
        "contacts", 3, 40, "e-1", NOON, False, "c-17:4:win-back:1", "bounced", True, 12, "EUR"
    ),
    "erasures": CustomerErased("erasures", 3, 40, "e-1", NOON, False),
}  # fmt: skip


@pytest.mark.parametrize("source", KINDS)
def test_a_valid_record_becomes_the_event_of_its_topic(source: str) -> None:
    """With all of its fields and its source offset."""
    assert admit_record(source, record(source)) == Admitted("c-17", EVENTS[source])


@pytest.mark.parametrize("source", KINDS)
def test_the_topic_events_accepts_every_type(source: str) -> None:
    """The field `type` decides, wherever it is in the object."""
    first = json.dumps({"type": KINDS[source]} | dict(VALID[source])).encode()
    last = json.dumps(dict(VALID[source]) | {"type": KINDS[source]}).encode()
    for value in (first, last):
        event = event_of("events", value)
        assert type(event) is type(EVENTS[source])
        assert event.topic == "events"
        assert (event.kind, event.event_id, event.occurred_at) == (KINDS[source], "e-1", NOON)


@pytest.mark.parametrize("type_", [..., None, "", "purchases", "Purchase", 5, True, ["purchase"], "\ud800"])
def test_an_event_of_unknown_type_is_invalid(type_: object) -> None:
    """The type decides which fields are required."""
    assert_rejected(admit_record("events", record("purchases", type=type_)), "invalid", "type must be one of purchase")


@pytest.mark.parametrize("source", KINDS)
def test_the_field_type_is_ignored_outside_of_events(source: str) -> None:
    """There it is an unknown field."""
    assert admit_record(source, record(source, type="nonsense")) == admit_record(source, record(source))


@pytest.mark.parametrize("source", KINDS)
@pytest.mark.parametrize(
    "text",
    ["1", "null", '"x"', "[1, {}, [[]]]", '{"event_id": 5, "amount": -1}', "1e999999999", "9" * 20_000, '"\\ud800"'],
)
def test_unknown_fields_are_ignored(source: str, text: str) -> None:
    """Even with lone surrogates or numbers of any size, as long as the value is JSON."""
    assert admit_record(source, record_of_texts(source, unknown=text)) == admit_record(source, record(source))


@pytest.mark.parametrize("source", KINDS)
def test_a_field_that_is_null_counts_as_absent(source: str) -> None:
    """For required and optional fields."""
    for name in VALID[source]:
        assert outcome_without_value(admit_record(source, record(source, **{name: None}))) == outcome_without_value(
            admit_record(source, record(source, **{name: ...}))
        )


def outcome_without_value(outcome: Admitted | Rejected) -> object:
    """Return the outcome without the value that the detail shows."""
    return outcome if isinstance(outcome, Admitted) else (outcome.reason, outcome.detail.partition(":")[0])


@pytest.mark.parametrize("source", KINDS)
def test_the_last_value_of_a_repeated_key_counts(source: str) -> None:
    """As in most JSON readers, whether the earlier values are valid or not."""
    unclosed = record(source)[:-1]
    assert event_of(source, unclosed + b', "event_id": "e-2"}').event_id == "e-2"
    assert event_of(source, unclosed + b', "event_id": 5, "event_id": "e-2"}').event_id == "e-2"
    assert_rejected(admit_record(source, unclosed + b', "event_id": 5}'), "invalid", "event_id", "5")


def test_optional_fields_may_be_absent() -> None:
    """The event then has None, and a discount of 0."""
    bare = {**HEAD, "order_id": "o-1", "amount": "5", "currency": "RUB"}
    purchase = event_of("purchases", json.dumps(bare).encode())
    assert (purchase.discount, purchase.coupon, purchase.channel, purchase.store_id) == (0, None, None, None)
    signup = event_of("signups", json.dumps(HEAD).encode())
    assert signup == CustomerSignedUp("signups", 3, 40, "e-1", NOON, False, *[None] * 8)
    contact = event_of("contacts", json.dumps({**HEAD, "message_id": "m", "kind": "opened"}).encode())
    assert (contact.permanent, contact.cost, contact.currency) == (None, None, None)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        *(("purchases", name) for name in ("coupon", "channel", "store_id")),
        *(
            ("signups", name)
            for name in ("source", "birth_date", "city", "country", "timezone", "language", "referred_by")
        ),
        ("refunds", "order_id"),
    ],
)
def test_an_empty_optional_string_counts_as_absent(source: str, name: str) -> None:
    """Publishers send empty strings for form fields without input."""
    assert getattr(event_of(source, record(source, **{name: ""})), name) is None


@pytest.mark.parametrize("backfill", [True, False, None])
def test_backfill_is_false_unless_it_is_true(*, backfill: bool | None) -> None:
    """Absent and null are false."""
    assert event_of("erasures", record("erasures", backfill=backfill)).backfill is (backfill is True)


@pytest.mark.parametrize("source", KINDS)
def test_any_event_may_come_with_an_import(source: str) -> None:
    """Its id has 1 to 64 characters; without one, or with null, the event is of no import."""
    for import_id in ("i", "я" * 64):
        assert event_of(source, record(source, import_id=import_id)).import_id == import_id
    for absent in (..., None):
        assert event_of(source, record(source, import_id=absent)).import_id is None
    for wrong in ("", "x" * 65, 7):
        outcome = admit_record(source, record(source, import_id=wrong))
        assert_rejected(outcome, "invalid", "import_id must be a string of 1 to 64 characters")


@pytest.mark.parametrize("source", ["purchases", "refunds"])
def test_an_anonymous_sale_has_its_import(source: str) -> None:
    """A replay without the import leaves it out of the totals, too."""
    assert event_of(source, record(source, customer_id=None, import_id="i")).import_id == "i"


@pytest.mark.parametrize("text", ["x" * 128, "я" * 128, "\x00", "\n", " ", "🦊" * 128, "a/b:c"])
@pytest.mark.parametrize("name", ["event_id", "customer_id", "order_id"])
def test_an_id_is_any_string_of_1_to_128_characters(name: str, text: str) -> None:
    """Characters, not bytes; control characters are allowed."""
    outcome = admit_record("purchases", record("purchases", **{name: text}))
    assert text == (outcome.customer_id if name == "customer_id" else getattr(outcome.event, name))


def test_a_message_id_may_be_longer_than_128_characters() -> None:
    """It contains the customer's id."""
    message_id = "c" * 128 + ":4:win-back:1"
    assert event_of("contacts", record("contacts", message_id=message_id)).message_id == message_id


@pytest.mark.parametrize("customer_id", [..., None, ""])
def test_a_sale_without_a_customer_is_anonymous(customer_id: object) -> None:
    """It has only the fields that the daily totals need."""
    purchase = admit_record("purchases", record("purchases", customer_id=customer_id, import_id=...))
    assert purchase == Admitted("", AnonymousSale("purchases", 3, 40, "e-1", NOON, False, "purchase", 124050, 10000))
    refund = admit_record("refunds", record("refunds", customer_id=customer_id))
    assert refund == Admitted("", AnonymousSale("refunds", 3, 40, "e-1", NOON, False, "refund", 4050, 0))
    unrated = admit_record("refunds", record("refunds", customer_id=customer_id, currency="GBP"))
    assert unrated.event.base is None


@pytest.mark.parametrize("customer_id", [..., None, ""])
def test_a_sale_is_anonymous_only_if_it_is_otherwise_valid(customer_id: object) -> None:
    """Otherwise it is rejected like any other record."""
    assert_rejected(
        admit_record("purchases", record("purchases", customer_id=customer_id, order_id=5)), "invalid", "order_id"
    )
    assert_rejected(admit_record("refunds", record("refunds", customer_id=customer_id, amount=0)), "amount", "amount")


@pytest.mark.parametrize("source", sorted(set(KINDS) - {"purchases", "refunds"}))
@pytest.mark.parametrize("customer_id", [..., None, ""])
def test_all_events_except_sales_need_a_customer(source: str, customer_id: object) -> None:
    """An empty id is not a customer either."""
    assert_rejected(admit_record(source, record(source, customer_id=customer_id)), "invalid", "customer_id")


def test_a_null_consent_counts_as_absent() -> None:
    """And consents without any true or false are None."""
    assert event_of("signups", record("signups", consent={"email": True, "call": None})).consent == {"email": True}
    assert event_of("signups", record("signups", consent={"email": None, "fax": None})).consent is None
    assert event_of("signups", record("signups", consent={})).consent is None


def test_a_time_zone_must_be_one_of_the_known_names() -> None:
    """If the names are not known, it must have the syntax of one."""
    known = AdmissionRules("RUB", 2, {}, frozenset({"Europe/Moscow"}))
    assert event_of("signups", record("signups"), known).timezone == "Europe/Moscow"
    assert_rejected(
        admit_record("signups", record("signups", timezone="Mars/Phobos"), known),
        "invalid",
        "timezone",
        "'Mars/Phobos'",
    )
    assert event_of("signups", record("signups", timezone="Mars/Phobos")).timezone == "Mars/Phobos"


def test_an_unknown_source_raises() -> None:
    """It is a bug of the caller, not an error in the record."""
    with pytest.raises(KeyError):
        admit("returns", 0, 0, b"{}", RUBLES, None)
    assert set(SOURCE_TOPICS) == {*KINDS, "events"}


@pytest.mark.parametrize("source", KINDS)
def test_an_ordinary_record_is_decoded_once(source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fast decoder takes it, from its own topic and from `events`, with nulls and unusual numbers too."""

    def parse_object(value: bytes) -> dict[str, object] | Rejected:
        raise AssertionError(f"decoded again: {value!r}")

    monkeypatch.setattr("state.intake.admission.parse_object", parse_object)
    optional = {name: None for name in ("backfill", "coupon", "discount", "rate", "cost") if name in VALID[source]}
    unusual = {name: 1.2e1 for name in ("amount", "discount", "cost") if name in VALID[source]}
    for changes in (
        {},
        optional,
        unusual,
        {"occurred_at": "2026-05-12T13:00:00.5+03:00"},
        {"note": "Иванова", "items": [{}]},
        {"note": "x" * 60_000},
    ):
        value = record(source, **changes)
        assert isinstance(admit(source, 3, 40, value, RUBLES, LATE), Admitted)
        typed = record(source, **changes, type=KINDS[source])
        assert isinstance(admit("events", 3, 40, typed, RUBLES, LATE), Admitted)
