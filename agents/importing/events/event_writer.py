"""Write events as JSON, and check each by the rules that `admit` applies."""

from typing import Any, Final

import msgspec

from agents.importing.events.imported_event import ImportedEvent
from agents.importing.mapping.event_fields import KIND_BY_TOPIC
from state.intake.admission import AdmissionRules, Rejected, admit
from state.records.events import AnonymousSale, OrderPlaced, OrderRefunded
from state.units.timestamps import format_ms

_encode: Final = msgspec.json.encode


class Refusal(Exception):
    """An event would be rejected; the message is the detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


class WrittenEvent(msgspec.Struct, frozen=True):
    """An event, and what it counts in the report.

    Attributes:
        event: the event.
        base_minor: amount of a purchase or refund in minor units of the base currency; otherwise 0.
    """

    event: ImportedEvent
    base_minor: int


class EventWriter:
    """Writes events for one source topic.

    Args:
        rules: of admission.
        topic: short name of the source topic.
        latest_ms: the latest admissible moment; None: there is none.
        import_id: id of the import, for all events; None: none.
        live: whether the events are no history.
    """

    def __init__(
        self,
        rules: AdmissionRules,
        *,
        topic: str = "events",
        latest_ms: int | None = None,
        import_id: str | None = None,
        live: bool = False,
    ) -> None:
        self.rules = rules
        self._topic = topic
        self._latest_ms = latest_ms
        self._import_id = import_id
        self._live = live
        self._names_kind = KIND_BY_TOPIC[topic] is None

    def takes(self, kind: str) -> bool:
        """Whether the topic takes events of a kind."""
        return KIND_BY_TOPIC[self._topic] in (None, kind)

    def write(
        self, kind: str, fields: dict[str, Any], occurred_at_ms: int, line: int, refunded_minor: int | None = None
    ) -> WrittenEvent:
        """Return an event with these fields; those that are None or empty are left out.

        Raises:
            Refusal: it would be rejected.
        """
        content: dict[str, Any] = {"type": kind} if self._names_kind else {}
        content.update((field, value) for field, value in fields.items() if value is not None and value != "")
        try:
            content["occurred_at"] = format_ms(occurred_at_ms)
        except (OverflowError, ValueError):
            raise Refusal("unreadable", "occurred_at must be in the years 1970 to 2199") from None
        if not self._live:
            content["backfill"] = True
        if self._import_id is not None:
            content["import_id"] = self._import_id
        value = _encode(content)
        admitted = admit(self._topic, 0, 0, value, self.rules, self._latest_ms)
        if isinstance(admitted, Rejected):
            raise Refusal("future" if admitted.reason == "future" else "unreadable", admitted.detail)
        event = admitted.event
        base = event.base if isinstance(event, OrderPlaced | OrderRefunded | AnonymousSale) else 0
        return WrittenEvent(
            ImportedEvent(
                kind,
                occurred_at_ms,
                fields.get("customer_id") or "",
                fields.get("order_id") or "",
                value,
                line,
                refunded_minor,
            ),
            base or 0,
        )
