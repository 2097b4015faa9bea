"""Published records for tests: a valid one of every kind, ways to change it, and what becomes of it."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from state.intake.admission import AdmissionRules, Admitted, Rejected, RejectionReason, admit
from state.intake.validation import validate

NOON: Final = 1_778_580_000_000
"""The moment at which all of them occurred, in milliseconds: 2026-05-12T10:00:00Z."""

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
"""Short name of the source to the fields of a valid event of it, all that it may have but a rate."""

KINDS: Final = {
    "purchases": "purchase",
    "refunds": "refund",
    "signups": "signup",
    "consents": "consent",
    "contacts": "contact",
    "erasures": "erasure",
}


def record(source: str, /, **changes: object) -> bytes:
    """The value of a valid event with some fields changed; one that is `...` is left out."""
    fields = {**VALID[source], **changes}
    return json.dumps({name: field for name, field in fields.items() if field is not ...}).encode()


def written(source: str, /, **texts: str) -> bytes:
    """The value of a valid event with some fields written as the given JSON text, whatever that is."""
    fields = {name: json.dumps(field) for name, field in VALID[source].items()} | texts
    return ("{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in fields.items()) + "}").encode()


RUBLES: Final = AdmissionRules("RUB", 2, {"EUR": Decimal("98.40"), "JPY": Decimal("0.61"), "USD": Decimal("1e2")})
LATE: Final = 4 * 10**12


def judged(source: str, value: bytes | None, exchange: AdmissionRules = RUBLES, latest_ms: int | None = LATE) -> Any:
    """What becomes of a value at partition 3, offset 40; the quick way and the thorough one must say the same."""
    outcome = admit(source, 3, 40, value, exchange, latest_ms)
    assert outcome == validate(source, 3, 40, value, exchange, latest_ms)
    return outcome


def event_of(source: str, value: bytes, exchange: AdmissionRules = RUBLES) -> Any:
    """The event of a value that must be admitted."""
    outcome = judged(source, value, exchange)
    assert isinstance(outcome, Admitted), outcome
    return outcome.event


def assert_rejected(outcome: object, reason: RejectionReason, *named: str) -> None:
    """Assert that a record was rejected for this reason, with a detail that is fit for a header and names these."""
    assert isinstance(outcome, Rejected), outcome
    assert outcome.reason == reason, outcome
    for name in named:
        assert name in outcome.detail
    assert outcome.detail.isprintable()
    assert len(outcome.detail.encode()) <= 600
