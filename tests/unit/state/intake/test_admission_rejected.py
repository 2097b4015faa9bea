"""Which records are rejected, for which reason and with which detail."""

import pytest

from state.intake.admission import SOURCE_TOPICS, Admitted
from state.records.reasons import RejectionReason
from tests.records.published import KINDS, NOON, VALID, admit_record, assert_rejected, record, record_of_texts


@pytest.mark.parametrize("source", SOURCE_TOPICS)
@pytest.mark.parametrize(
    ("value", "named"),
    [
        (None, "null"),
        (b"", "Expecting value"),
        (b"null", "a single value"),
        (b"5", "a single value"),
        (b"1e5", "a single value"),
        (b'"text"', "a single value"),
        (b"[]", "an array"),
        (b'[{"event_id": "e"}]', "an array"),
        (b"{", "JSON"),
        (b'{"event_id": "e"', "JSON"),
        (b'{"event_id": "e",}', "JSON"),
        (b"{'event_id': 'e'}", "JSON"),
        (b'{"a": 01}', "JSON"),
        (b'{"a": NaN}', "NaN"),
        (b'{"a": Infinity}', "Infinity"),
        (b'{"a": [-Infinity]}', "-Infinity"),
        (b'{"a": "line\nbreak"}', "control character"),
        (b'{"a": "\\x"}', "escape"),
        (b"{} {}", "Extra data"),
        (b"{}\x00", "Extra data"),
        (b"\xef\xbb\xbf{}", "BOM"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'{"a": "\xff"}', "byte 0xff at 7"),
        (b'{"\xff": 1}', "byte 0xff at 2"),
        (b'{"a": "\xed\xa0\x80"}', "byte 0xed at 7"),
        (b'{"a": "\xc0\xaf"}', "byte 0xc0 at 7"),
        (b'{"a": ' + b"[" * 501 + b"]" * 501 + b"}", "500 levels"),
        (b"[" * 30_000 + b"]" * 30_000, "500 levels"),
        (b"[" * 65_536, "500 levels"),
        (b'{"a":' * 10_000, "500 levels"),
        (b'{"a":' + b"[" * 600 + b'"' + b'\\"' * 30_000, "500 levels"),
    ],
)
def test_a_value_that_is_not_a_json_object_in_utf_8_is_malformed(source: str, value: bytes | None, named: str) -> None:
    """Even if the error is in an unknown field."""
    assert_rejected(admit_record(source, value), "malformed", "value must", named)


@pytest.mark.parametrize("source", KINDS)
def test_bytes_that_are_not_utf_8_are_malformed_in_any_field(source: str) -> None:
    """In the value and in the name of an unknown field too."""
    for broken in (b', "u": "\xff"}', b', "\xff": 1}', b', "u": {"v": ["\xe2\x82"]}}'):
        assert_rejected(admit_record(source, record(source)[:-1] + broken), "malformed", "UTF-8")


@pytest.mark.parametrize("source", KINDS)
def test_nesting_is_bounded_by_depth_not_by_brackets(source: str) -> None:
    """500 levels with the object itself; brackets in strings or next to each other do not count."""
    deep = "[" * 499 + "]" * 499
    assert isinstance(admit_record(source, record_of_texts(source, u=deep)), Admitted)
    assert isinstance(admit_record(source, record_of_texts(source, u=f'"{deep}{deep}"')), Admitted)
    assert isinstance(admit_record(source, record_of_texts(source, u='"\\"' + "[" * 600 + '\\\\"')), Admitted)
    assert isinstance(admit_record(source, record_of_texts(source, u=f"[{'[], ' * 600}{{}}]")), Admitted)
    assert_rejected(admit_record(source, record_of_texts(source, u=f"[{deep}]")), "malformed", "500 levels")


@pytest.mark.parametrize("source", SOURCE_TOPICS)
def test_a_value_over_64_kib_is_oversize(source: str) -> None:
    """65,536 bytes are allowed."""
    assert_rejected(admit_record(source, b"\xff" * 65_537), "oversize", "at most 65536 bytes", "65537")
    assert_rejected(admit_record(source, b"\xff" * 65_536), "malformed", "UTF-8")


@pytest.mark.parametrize("source", KINDS)
def test_a_valid_record_may_be_64_kib_long(source: str) -> None:
    """With the spaces at its end."""
    value = record(source)
    assert isinstance(admit_record(source, value.ljust(65_536)), Admitted)
    assert_rejected(admit_record(source, value.ljust(65_537)), "oversize", "65537")


REQUIRED = {
    "purchases": ("event_id", "occurred_at", "order_id", "amount", "currency"),
    "refunds": ("event_id", "occurred_at", "refund_id", "amount", "currency"),
    "signups": ("event_id", "occurred_at", "customer_id"),
    "consents": ("event_id", "occurred_at", "customer_id", "channel", "granted"),
    "contacts": ("event_id", "occurred_at", "customer_id", "message_id", "kind"),
    "erasures": ("event_id", "occurred_at", "customer_id"),
}


@pytest.mark.parametrize(("source", "name"), [(source, name) for source in REQUIRED for name in REQUIRED[source]])
def test_a_required_field_that_is_missing_is_invalid(source: str, name: str) -> None:
    """Absent or null."""
    assert_rejected(admit_record(source, record(source, **{name: ...})), "invalid", f"{name} must be", "got nothing")
    assert_rejected(admit_record(source, record(source, **{name: None})), "invalid", f"{name} must be", "got nothing")


WRONG_TYPES: dict[str, object] = {
    "whole number": 17,
    "number": 1.5,
    "huge number": 10**400,
    "true": True,
    "lone surrogate": "\ud800",
    "text with a lone surrogate": "x\udc00",
    "empty array": [],
    "array": ["x"],
    "empty object": {},
    "object": {"a": 1},
}
RIGHT_TYPES = {
    **dict.fromkeys(("amount", "discount", "cost"), ("whole number", "number", "huge number")),
    **dict.fromkeys(("backfill", "granted", "permanent"), ("true",)),
    "consent": ("empty object",),
}


@pytest.mark.parametrize(
    ("source", "name", "kind"),
    [
        (source, name, kind)
        for source in VALID
        for name in dict.fromkeys([*VALID[source], "backfill"])
        for kind in WRONG_TYPES
        if kind not in RIGHT_TYPES.get(name, ())
    ],
)
def test_a_known_field_of_the_wrong_type_is_invalid(source: str, name: str, kind: str) -> None:
    """Required or optional; the detail names the field."""
    assert_rejected(admit_record(source, record(source, **{name: WRONG_TYPES[kind]})), "invalid", name)


@pytest.mark.parametrize("source", VALID)
def test_an_empty_or_too_long_id_is_invalid(source: str) -> None:
    """The maximum is 128. The ids that are optional may be empty."""
    for name in ("event_id", "customer_id", "order_id", "refund_id"):
        if name in VALID[source]:
            long = admit_record(source, record(source, **{name: "x" * 129}))
            assert_rejected(long, "invalid", f"{name} must be a string of 1 to 128 characters", "x" * 60, "…")
            if (source, name) not in {
                ("purchases", "customer_id"),
                ("refunds", "customer_id"),
                ("refunds", "order_id"),
            }:
                assert_rejected(admit_record(source, record(source, **{name: ""})), "invalid", name, "''")
    assert_rejected(
        admit_record("contacts", record("contacts", message_id="")),
        "invalid",
        "message_id must be a string of at least 1 character",
    )


@pytest.mark.parametrize(
    ("source", "name", "wrong"),
    [
        ("consents", "channel", "fax"),
        ("consents", "channel", ""),
        ("consents", "channel", "Email"),
        ("consents", "granted", "true"),
        ("consents", "granted", 1),
        ("contacts", "kind", "read"),
        ("contacts", "kind", ""),
        ("contacts", "permanent", "no"),
        ("signups", "birth_date", "31.12.1990"),
        ("signups", "birth_date", "1990-02-30"),
        ("signups", "birth_date", "1899-12-31"),
        ("signups", "timezone", "Moscow time"),
        ("signups", "consent", {"fax": True}),
        ("signups", "consent", {"email": "yes"}),
        ("signups", "consent", {"email": 1}),
        ("signups", "consent", {"email": True, "\ud800": False}),
        ("signups", "consent", ["email"]),
        ("erasures", "backfill", 0),
        ("erasures", "backfill", "false"),
    ],
)
def test_a_value_outside_a_closed_set_is_invalid(source: str, name: str, wrong: object) -> None:
    """The detail lists the valid values or the format."""
    assert_rejected(admit_record(source, record(source, **{name: wrong})), "invalid", f"{name} must")


@pytest.mark.parametrize(
    "occurred_at",
    ["", "yesterday", "2026-05-12T10:00:00", "2026-05-12", NOON, "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"],
)
@pytest.mark.parametrize("source", VALID)
def test_a_moment_not_in_rfc_3339_is_invalid(source: str, occurred_at: object) -> None:
    """And so is a moment outside the years 1970 to 2199."""
    outcome = admit_record(source, record(source, occurred_at=occurred_at), latest_ms=0)
    assert_rejected(outcome, "invalid", "occurred_at must", str(occurred_at))


@pytest.mark.parametrize("source", VALID)
def test_an_event_after_the_latest_moment_is_rejected_as_future(source: str) -> None:
    """An event at that moment is admitted; event mode has no latest moment."""
    assert isinstance(admit_record(source, record(source), latest_ms=NOON), Admitted)
    assert isinstance(admit_record(source, record(source), latest_ms=None), Admitted)
    late = admit_record(source, record(source), latest_ms=NOON - 1)
    assert_rejected(late, "future", "occurred_at must be at most 2026-05-12T09:59:59.999Z", "2026-05-12T10:00:00Z")


def test_the_reasons_are_checked_in_the_documented_order() -> None:
    """`docs/topics.md` lists them in this order."""
    assert list(RejectionReason) == ["oversize", "malformed", "invalid", "amount", "currency", "future"]


def test_of_several_errors_with_one_reason_the_first_field_is_named() -> None:
    """In the order of the fields in the documentation, whether its type or its content is wrong."""
    wrong = {"store_id": 5, "amount": "x", "occurred_at": "yesterday"}
    for name in ("occurred_at", "amount", "store_id"):
        assert_rejected(admit_record("purchases", record("purchases", **wrong)), "invalid", f"{name} must")
        del wrong[name]


def test_the_detail_of_a_wrong_consent_names_the_channel() -> None:
    """The first one that is wrong; a value that is not an object is shown itself."""
    consent = {"email": True, "sms": None, "fax": True, "call": 1}
    assert_rejected(admit_record("signups", record("signups", consent=consent)), "invalid", "got 'fax': true")
    assert_rejected(admit_record("signups", record("signups", consent="all")), "invalid", "consent must", "got 'all'")


def test_the_first_of_several_reasons_is_reported() -> None:
    """Whatever the order of the fields: each reason hides those after it."""
    errors: dict[str, dict[str, object]] = {
        "invalid": {"event_id": 5},
        "amount": {"amount": "-1"},
        "currency": {"currency": "ZZZ"},
        "future": {"occurred_at": "2199-01-01T00:00:00Z"},
    }
    changes: dict[str, object] = {}
    for reason in reversed(tuple(RejectionReason)[2:]):
        changes = errors[reason] | changes
        assert_rejected(admit_record("purchases", record("purchases", **changes)), reason)
        changes = dict(reversed(changes.items()))
        assert_rejected(admit_record("purchases", record("purchases", **changes)), reason)
    assert_rejected(admit_record("purchases", record("purchases", **changes) + b"\xff"), "malformed")
    assert_rejected(admit_record("purchases", record("purchases", **changes).ljust(65_537)), "oversize")


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        ("-0.001", "amount"),
        (-5, "amount"),
        (10**16, "amount"),
        ("0.00001", "currency"),
        (5, "currency"),
        ("x", "invalid"),
    ],
)
def test_in_an_unknown_currency_only_the_digits_are_not_checked(amount: object, reason: RejectionReason) -> None:
    """A negative or too large amount is rejected as such first."""
    assert_rejected(admit_record("purchases", record("purchases", amount=amount, currency="ZZZ")), reason)
    assert_rejected(admit_record("refunds", record("refunds", amount=amount, currency="ZZZ")), reason)
    assert_rejected(admit_record("refunds", record("refunds", amount=0, currency="ZZZ")), "amount")


@pytest.mark.parametrize(
    ("wrong", "shown"),
    [
        (None, "got nothing"),
        (True, "got true"),
        (17, "got 17"),
        (1.50, "got 1.5"),
        ([1], "got an array"),
        ({"a": 1}, "got an object"),
        ("x" * 300, "got '" + "x" * 79 + "…"),
        ("a\nb\x00\u202e\ud800", r"got 'a\nb\x00\u202e\ud800'"),
        ("Ивановой", "got 'Ивановой'"),
    ],
)
def test_the_detail_shows_the_value_short_and_printable(wrong: object, shown: str) -> None:
    """It must fit into a header and into a line of a terminal."""
    outcome = admit_record("erasures", record("erasures", occurred_at=wrong))
    assert_rejected(outcome, "invalid", "occurred_at", shown)
    assert outcome.detail.endswith(shown)
