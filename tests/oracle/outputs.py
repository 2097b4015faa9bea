"""What is published: the JSON values of changes, messages and suppressions, and their CloudEvents headers.

Fractions in values (edges of a policy, ``discount_share``) are Decimals; read what the product wrote with `read_json`
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
    """One record: ``topic`` is the short name (``segment-changes``), ``value`` is None for a tombstone."""

    topic: str
    key: str
    value: JsonObject | None
    headers: dict[str, str]


def read_json(text: str | bytes) -> Any:
    """JSON with its fractions kept as Decimals, never as floats."""
    return json.loads(text, parse_float=Decimal)


def change_id(change: JsonObject) -> str:
    """``<customer_id>:<seq>``."""
    return f"{change['customer_id']}:{change['seq']}"


def change_headers(change: JsonObject, prefix: str) -> dict[str, str]:
    """The headers of a segment change, from its value alone."""
    return _headers(change_id(change), CHANGE_TYPE, change["customer_id"], change["effective_at"], prefix)


def message_headers(message: JsonObject, topic: str, prefix: str) -> dict[str, str]:
    """The headers of an offer or a reactivation; ``topic`` tells which."""
    return _headers(message["message_id"], MESSAGE_TYPES[topic], message["customer_id"], message["due_at"], prefix)


def suppression_headers(suppression: JsonObject, occasion_id: str, prefix: str) -> dict[str, str]:
    """The headers of a suppression; attempt null is written 0 in its id."""
    attempt = suppression["attempt"] or 0
    event_id = f"{occasion_id}:{suppression['campaign']}:{attempt}:{suppression['reason']}"
    return _headers(event_id, SUPPRESSION_TYPE, suppression["customer_id"], suppression["at"], prefix)


def outcome_headers(outcome: JsonObject, occasion_id: str, prefix: str) -> dict[str, str]:
    """The headers of an outcome."""
    event_id = f"{occasion_id}:{outcome['campaign']}:outcome"
    return _headers(event_id, OUTCOME_TYPE, outcome["customer_id"], outcome["to_at"], prefix)


def tombstone_headers(customer_id: str, last_seq: int, at: str, prefix: str) -> dict[str, str]:
    """The headers of an erasure's tombstone (docs/topics.md)."""
    return _headers(f"{customer_id}:{last_seq}:erased", CHANGE_TYPE, customer_id, at, prefix)


def change_block(change: JsonObject) -> JsonObject:
    """The change as messages and suppressions quote it."""
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
