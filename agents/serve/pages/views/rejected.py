"""What the page of rejected events shows: how many for which reason, what to do about each, and the last ones."""

from collections import Counter
from typing import Final, NamedTuple

from agents.languages.translations import Texts, mark
from agents.serve.lookups.answers import RejectedEvent
from agents.serve.pages.page_view import PageView
from state.records.reasons import RejectionReason

SHOWN: Final = 200
"""Events that the page lists at most; more of one reason teach nothing new."""

_TITLES: Final[dict[str, str]] = {
    RejectionReason.OVERSIZE: mark("Too large"),
    RejectionReason.MALFORMED: mark("Not readable"),
    RejectionReason.INVALID: mark("Field missing or wrong"),
    RejectionReason.AMOUNT: mark("Amount not possible"),
    RejectionReason.CURRENCY: mark("Currency not known"),
    RejectionReason.FUTURE: mark("From the future"),
}
_REMEDIES: Final[dict[str, str]] = {
    RejectionReason.OVERSIZE: mark(
        "Send less with each event: an event needs no more than who, what, when and how much."
    ),
    RejectionReason.MALFORMED: mark(
        "Send each event as one JSON object in UTF-8. Mostly something else is written to the same topic."
    ),
    RejectionReason.INVALID: mark("Correct the field that the detail names, in the system that sends the events."),
    RejectionReason.AMOUNT: mark(
        'Send amounts as text in major units, such as "990.00", with no more decimals than the currency has.'
    ),
    RejectionReason.CURRENCY: mark(
        "Send the code of the currency, such as RUB, and give the policy a rate for each currency but its own."
    ),
    RejectionReason.FUTURE: mark("Set the clock of the machine that sends the events, and check its time zone."),
}
_HOOK: Final = "hook:"


class ReasonRow(NamedTuple):
    """A reason: its name, how it is shown, how many events it has, what it means, and what to do."""

    reason: str
    title: str
    events: int
    meaning: str
    remedy: str
    is_chosen: bool


class EventRow(NamedTuple):
    """A rejected event: when, why, what exactly, where from, and its exact place there."""

    at: str
    title: str
    detail: str
    origin: str
    place: str


class RejectedView:
    """The last rejected events in a reader's language, all of them or those of one reason."""

    def __init__(self, events: list[RejectedEvent], chosen: str | None, view: PageView) -> None:
        texts = view.texts
        counts = Counter(event.reason for event in events)
        self.total = len(events)
        self.reasons = [
            ReasonRow(
                reason,
                reason_title(reason, texts),
                count,
                reason_meaning(reason, texts),
                texts.gettext(_REMEDIES[reason]) if reason in _REMEDIES else "",
                reason == chosen,
            )
            for reason, count in counts.most_common()
        ]
        of_reason = [event for event in events if chosen in {None, event.reason}]
        self.more = max(0, len(of_reason) - SHOWN)
        self.events = [
            EventRow(event.at, reason_title(event.reason, texts), event.detail, *origin(event.source, texts))
            for event in of_reason[:SHOWN]
        ]


def reason_title(reason: str, texts: Texts) -> str:
    """Return a reason in two or three words."""
    return texts.gettext(_TITLES[reason]) if reason in _TITLES else reason


def reason_meaning(reason: str, texts: Texts) -> str:
    """Return what a reason says, in a sentence."""
    return texts.gettext(RejectionReason(reason).meaning) if reason in set(RejectionReason) else ""


def origin(source: str, texts: Texts) -> tuple[str, str]:
    """Return where an event came from, the topic or the hook, and its exact place there."""
    if source.startswith(_HOOK):
        return texts.gettext("webhook %(name)s") % {"name": source.removeprefix(_HOOK)}, ""
    topic, _, place = source.partition(":")
    partition, _, offset = place.partition(":")
    exact = texts.gettext("partition %(partition)s, offset %(offset)s") % {"partition": partition, "offset": offset}
    return texts.gettext("topic %(topic)s") % {"topic": topic}, exact if offset else place
