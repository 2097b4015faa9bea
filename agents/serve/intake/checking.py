"""Check the events of a request by the rules of admission: the same function that `admit` uses, so the same reasons."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from agents.serve.intake.sent_events import SentEvent, complete, own_id
from state.intake.admission import AdmissionRules, Rejected, admit
from state.records.events import CustomerErased
from state.records.reasons import RejectionReason

_SOURCE: Final = "events"


class Refusal(msgspec.Struct, frozen=True):
    """Why an event of a request is not admissible.

    Attributes:
        index: of the event in the request, from 0.
        event_id: if it has one.
    """

    index: int
    event_id: str | None
    reason: RejectionReason
    detail: str


@dataclass(slots=True)
class Checked:
    """The events of a request after admission.

    Attributes:
        admissible: key (the customer's id; None for an anonymous sale) and value of each, in their order.
        refused: the others, in their order.
        erasures: how many of the admissible ones erase a customer.
    """

    admissible: list[tuple[bytes | None, bytes]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    erasures: int = 0


def check_events(events: Sequence[SentEvent], rules: AdmissionRules, latest_ms: int | None) -> Checked:
    """Check each event.

    Args:
        events: of one request.
        rules: of the active policy.
        latest_ms: the latest moment at which an event may have occurred; None in event mode.
    """
    checked = Checked()
    for index, event in enumerate(events):
        completed = event.refused or complete(event)
        if isinstance(completed, Rejected):
            checked.refused.append(_refusal(index, event, completed))
            continue
        value, has_given_id = completed
        result = admit(_SOURCE, 0, 0, value, rules, latest_ms)
        if isinstance(result, Rejected):
            if has_given_id and result.detail.startswith("event_id "):
                result = Rejected(result.reason, f"{result.detail}, from {event.id_origin}")
            checked.refused.append(_refusal(index, event, result))
            continue
        checked.admissible.append((result.customer_id.encode() or None, value))
        if isinstance(result.event, CustomerErased):
            checked.erasures += 1
    return checked


def _refusal(index: int, event: SentEvent, rejected: Rejected) -> Refusal:
    return Refusal(index, own_id(event.value) or event.event_id, rejected.reason, rejected.detail)
