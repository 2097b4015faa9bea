"""Write what happened to a customer, and what will, as lines of text: segment changes, messages, suppressions."""

from collections.abc import Callable, Iterable, Iterator

from agents.customer_view.change_text import cause_text, move_text
from agents.customer_view.story import StoryEvent
from agents.customer_view.story_wording import StoryReader
from state.records.outputs import Message, SegmentChangeValue


def event_lines(events: Iterable[StoryEvent], reader: StoryReader) -> Iterator[str]:
    """Yield a line for each event, with its moment."""
    for event in events:
        yield f"{reader.minute(event_moment(event))}  {_event_text(event, reader)}"


def _event_text(event: StoryEvent, reader: StoryReader) -> str:
    translate = reader.texts.gettext
    if isinstance(event, SegmentChangeValue):
        return f"{move_text(event, reader.segment)}: {cause_text(event, reader.wording)}"
    if isinstance(event, Message):
        return _message_text(event, translate)
    values = {
        "campaign": event.campaign,
        "number": event.attempt,
        "code": event.reason,
        "reason": translate(event.reason.meaning),
    }
    if event.reason.startswith("silence-"):
        return f"{event.campaign}: {values['reason']}"
    if event.attempt is None:
        return translate("%(campaign)s suppressed (%(code)s): %(reason)s") % values
    return translate("%(campaign)s, step %(number)s, suppressed (%(code)s): %(reason)s") % values


def _message_text(message: Message, translate: Callable[[str], str]) -> str:
    entered_by = message.trigger if isinstance(message.trigger, str) else message.change.id if message.change else ""
    text = (
        translate(
            "%(campaign)s: %(template)s with %(incentive)s, by %(channel)s (step %(number)s of %(steps)s, "
            "entered by %(cause)s)"
        )
        if message.incentive
        else translate(
            "%(campaign)s: %(template)s, by %(channel)s (step %(number)s of %(steps)s, entered by %(cause)s)"
        )
    )
    return text % {
        "campaign": message.campaign,
        "template": message.template,
        "incentive": message.incentive,
        "channel": message.channel,
        "number": message.attempt,
        "steps": message.attempts,
        "cause": entered_by,
    }


def event_moment(event: StoryEvent) -> str:
    """Return when it happens, in RFC 3339."""
    if isinstance(event, SegmentChangeValue):
        return event.effective_at
    return event.due_at if isinstance(event, Message) else event.at
