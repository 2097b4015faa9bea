"""Published records for tests: a valid one of every kind, ways to change it, and the outcome of its admission."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from state.intake.admission import AdmissionRules, Admitted, Rejected, admit
from tests.records.schemas import fits

NOON: Final = 1_778_580_000_000
"""`occurred_at` of all of them in milliseconds: 2026-05-12T10:00:00Z."""

HEAD: Final = {"event_id": "e-1", "customer_id": "c-17", "occurred_at": "2026-05-12T10:00:00Z"}

VALID: Final[Mapping[str, Mapping[str, Any]]] = {
    "purchases": HEAD
    | {
        "order_id": "o-1",
        "amount": "1240.50",
        "currency": "RUB",
        "discount": "100.00",
        "coupon": "SPRING",
        "channel": "web",
        "store_id": "s-4",
        "backfill": False,
        "import_id": "2026-11-29/shop.csv",
    },
    "refunds": HEAD | {"refund_id": "r-1", "amount": "40.50", "currency": "RUB", "order_id": "o-1"},
    "signups": HEAD
    | {
        "source": "till",
        "consent": {"email": True, "sms": False},
        "birth_date": "1990-12-31",
        "city": "Казань",
        "country": "RU",
        "timezone": "Europe/Moscow",
        "language": "ru",
        "referred_by": "c-3",
    },
    "consents": HEAD | {"channel": "email", "granted": True},
    "contacts": HEAD
    | {"message_id": "c-17:4:win-back:1", "kind": "bounced", "permanent": True, "cost": "0.12", "currency": "EUR"},
    "erasures": HEAD,
}
"""Short name of the source topic to the fields of a valid event: all that it can have except a rate."""

KINDS: Final = {
    "purchases": "purchase",
    "refunds": "refund",
    "signups": "signup",
    "consents": "consent",
    "contacts": "contact",
    "erasures": "erasure",
}


def record(source: str, /, **changes: object) -> bytes:
    """Return the value of a valid event with some fields changed; a field that is `...` is left out."""
    fields = {**VALID[source], **changes}
    return json.dumps({name: field for name, field in fields.items() if field is not ...}).encode()


def record_of_texts(source: str, /, **texts: str) -> bytes:
    """Return the value of a valid event with some fields written as the given text, which need not be JSON."""
    fields = {name: json.dumps(field) for name, field in VALID[source].items()} | texts
    return ("{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in fields.items()) + "}").encode()


RUBLES: Final = AdmissionRules("RUB", 2, {"EUR": Decimal("98.40"), "JPY": Decimal("0.61"), "USD": Decimal("1e2")})
LATE: Final = 4 * 10**12
"""A latest moment in the year 2096."""

MAX_BYTES: Final = 65_536
UNDECODABLE_FIELD: Final = b', "\\ud800": 0}'
"""The end of an object with an unknown field that the fast decoder refuses, so that the thorough one is used."""


def admit_record(source: str, value: bytes | None, rules: AdmissionRules = RUBLES, latest_ms: int | None = LATE) -> Any:
    """Return the outcome of a value at partition 3, offset 40.

    Both decoders must agree on one that is admitted, and it must fit the published schema.
    """
    outcome = admit(source, 3, 40, value, rules, latest_ms)
    if isinstance(outcome, Admitted):
        assert value is not None
        assert fits(source, value)
        thorough = value.rstrip()[:-1] + UNDECODABLE_FIELD
        if len(thorough) <= MAX_BYTES:
            assert outcome == admit(source, 3, 40, thorough, rules, latest_ms)
    return outcome


def event_of(source: str, value: bytes, rules: AdmissionRules = RUBLES) -> Any:
    """Return the event of a value that must be admitted."""
    outcome = admit_record(source, value, rules)
    assert isinstance(outcome, Admitted), outcome
    return outcome.event


def assert_rejected(outcome: object, reason: str, *named: str) -> None:
    """Assert that a record was rejected for this reason, with a detail that fits into a header and contains `named`."""
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason == reason, outcome
    for name in named:
        assert name in outcome.detail
    assert outcome.detail.isprintable()
    assert len(outcome.detail.encode()) <= 600
