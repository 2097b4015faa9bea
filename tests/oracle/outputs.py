"""Outputs: the JSON values of changes, messages, suppressions and outcomes, and their CloudEvents headers.

Fractions in values (a policy's thresholds, ``discount_share``) are Decimals; read the product's JSON with `read_json`,
and the two compare with ``==``.
"""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]

CHANGES = "segment-changes"
SUPPRESSIONS = "suppressions"
MESSAGE_TYPES = {"offers": "goldstream.offer.v1", "reactivations": "goldstream.reactivation.v1"}
CHANGE_TYPE = "goldstream.segment-changed.v1"
OUTCOMES = "outcomes"
OUTCOME_TYPE = "goldstream.outcome.v1"
SUPPRESSION_TYPE = "goldstream.suppression.v1"


@dataclass(frozen=True)
class Output:
    """One record: `topic` is the short name (``segment-changes``), `value` is None for a tombstone."""

    topic: str
    key: str
    value: JsonObject | None
    headers: dict[str, str]


def read_json(text: str | bytes) -> Any:
    """Return the value of a JSON text, with fractions as Decimals, never as floats."""
    return json.loads(text, parse_float=Decimal)


def change_id(change: JsonObject) -> str:
    """Return ``<customer_id>:<seq>``."""
    return f"{change['customer_id']}:{change['seq']}"


def change_headers(change: JsonObject, prefix: str) -> dict[str, str]:
    """Return the headers of a segment change, from its value alone."""
    return _headers(change_id(change), CHANGE_TYPE, change["customer_id"], change["effective_at"], prefix)


def message_headers(message: JsonObject, topic: str, prefix: str) -> dict[str, str]:
    """Return the headers of an offer or a reactivation, by `topic`."""
    return _headers(message["message_id"], MESSAGE_TYPES[topic], message["customer_id"], message["due_at"], prefix)


def suppression_headers(suppression: JsonObject, cause_id: str, prefix: str) -> dict[str, str]:
    """Return the headers of a suppression; a null ``attempt`` is 0 in its id."""
    step_number = suppression["attempt"] or 0
    event_id = f"{cause_id}:{suppression['campaign']}:{step_number}:{suppression['reason']}"
    return _headers(event_id, SUPPRESSION_TYPE, suppression["customer_id"], suppression["at"], prefix)


def outcome_headers(outcome: JsonObject, cause_id: str, prefix: str) -> dict[str, str]:
    """Return the headers of an outcome."""
    event_id = f"{cause_id}:{outcome['campaign']}:outcome"
    return _headers(event_id, OUTCOME_TYPE, outcome["customer_id"], outcome["to_at"], prefix)


def tombstone_headers(customer_id: str, last_seq: int, at: str, prefix: str) -> dict[str, str]:
    """Return the headers of an erasure's tombstone (docs/topics.md)."""
    return _headers(f"{customer_id}:{last_seq}:erased", CHANGE_TYPE, customer_id, at, prefix)


def change_block(change: JsonObject) -> JsonObject:
    """Return the change as messages and suppressions quote it."""
    quoted = ("from", "to", "effective_at", "cause", "facts", "why")
    return {"id": change_id(change), **{name: change[name] for name in quoted}}


def _headers(event_id: str, kind: str, customer_id: str, at: str, prefix: str) -> dict[str, str]:
    return {
        "ce_specversion": "1.0",
        "ce_id": event_id,
        "ce_type": kind,
        "ce_source": f"/goldstream/{prefix}",
        "ce_subject": customer_id,
        "ce_time": at,
        "content-type": "application/json",
    }
