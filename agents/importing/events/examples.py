"""Choose the sample events of a report."""

from typing import Final

from agents.importing.events.imported_event import ImportedEvent

_SAMPLES: Final = 3


class Examples:
    """Keeps the first events of each kind."""

    def __init__(self) -> None:
        self._events: dict[str, list[ImportedEvent]] = {}

    def add(self, event: ImportedEvent) -> None:
        """Take the next event."""
        events = self._events.setdefault(event.kind, [])
        if len(events) < _SAMPLES:
            events.append(event)

    def samples(self) -> list[ImportedEvent]:
        """Return the first event of each kind, then others, orders first; three in all."""
        firsts = [events[0] for events in self._events.values()]
        kinds = dict.fromkeys(("purchase", *self._events))
        return (firsts + [event for kind in kinds for event in self._events.get(kind, ())[1:]])[:_SAMPLES]
