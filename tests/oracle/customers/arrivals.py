"""How an event arrived: as history or live, under which rules, and until when the customer's past counts as history."""

from collections.abc import Mapping
from typing import Any

from tests.oracle import moments

SILENT_HISTORY_FORMAT = 3
"""The first format of the journal whose records the rules on silent history, and on revived channels, apply to."""


def is_of_new_rules(event: Mapping[str, Any]) -> bool:
    """Return whether the event was journaled in a new enough format: its ``format``, by default the last one."""
    return bool(event.get("format", SILENT_HISTORY_FORMAT) >= SILENT_HISTORY_FORMAT)


def is_silent_history(event: Mapping[str, Any]) -> bool:
    """Return whether the event is backfill, under the rules for silent history."""
    return bool(event.get("backfill", False)) and is_of_new_rules(event)


def horizon_of(event: Mapping[str, Any]) -> int | None:
    """Return the moment before which the customer's past counts as history; None if the event does not say.

    In wall mode it is the clock at admission, ``admitted_at``; in event mode, where an event has none, its own moment.
    """
    if not is_silent_history(event):
        return None
    return moments.parse(event.get("admitted_at", event["occurred_at"]))


def ends(event: Mapping[str, Any], began_at: int) -> bool:
    """Return whether the event may end what began at a moment: history ends nothing that began after it."""
    return not is_silent_history(event) or began_at <= moments.parse(event["occurred_at"])
