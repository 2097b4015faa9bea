"""Write a customer's story as lines of text, for a terminal."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from agents.customer_view.change_text import cause_text, move_text
from agents.customer_view.story import Story, StoryEvent
from agents.customer_view.story_runs import RunStory
from agents.customer_view.story_traits import Traits
from agents.languages.formats import PLAIN, Wording
from state.records.outputs import Message, SegmentChangeValue
from state.records.reasons import Group, SuppressionReason
from state.units.time_zones import load_zone

MAX_SHOWN: Final = 20
"""How many changes, and how many messages, are shown at most: the last ones."""

_LABEL_WIDTH: Final = 13


class StoryReader(NamedTuple):
    """How a story is read.

    Attributes:
        titles: of the segments, in the reader's language; a segment without one has its name.
        zone: the time zone of the moments.
    """

    titles: Mapping[str, str] = MappingProxyType({})
    zone: str = "UTC"

    def segment(self, name: str) -> str:
        """Return how a segment is called."""
        return self.titles.get(name, name)

    def minute(self, moment: str) -> str:
        """Return a moment in RFC 3339 in the zone: `2026-05-12 09:30`."""
        return datetime.fromisoformat(moment).astimezone(load_zone(self.zone)).strftime("%Y-%m-%d %H:%M")


PLAIN_READER: Final = StoryReader()


def story_lines(story: Story, reader: StoryReader = PLAIN_READER) -> Iterator[str]:
    """Yield the lines of the story; characters that a terminal could interpret are escaped."""
    for line in _lines(story, reader):
        yield (
            line
            if line.isprintable()
            else "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
        )


def _lines(story: Story, reader: StoryReader) -> Iterator[str]:
    title = reader.segment(story.segment)
    segment = story.segment if title == story.segment else f"{story.segment} ({title})"
    as_of = f"{reader.minute(story.as_of)} ({reader.zone})"
    yield f"{story.customer_id}: {segment} since {reader.minute(story.since)}, as of {as_of}"
    if story.changes:
        yield _labelled("why", cause_text(story.changes[-1]))
    yield _labelled("RFM cell", f"{story.cell}, by policy {story.policy}")
    yield from _purchase_lines(story, reader)
    yield from (_labelled(label, text) for label, text in traits_text(story.traits, story.facts.currency, reader))
    yield from _contact_lines(story)
    yield from _campaign_lines(story, reader)
    yield from _history_lines(story, reader)
    yield "next, if nothing happens"
    yield from (f"  {line}" for line in _event_lines(story.next, reader))
    if not story.next:
        yield f"  nothing: stays {title}"


def _purchase_lines(story: Story, reader: StoryReader) -> Iterator[str]:
    facts, currency = story.facts, story.facts.currency
    if facts.first_order_at is None or facts.last_order_at is None:
        yield _labelled("orders", "none")
    else:
        span = reader.minute(facts.first_order_at)
        if facts.last_order_at != facts.first_order_at:
            span += f" to {reader.minute(facts.last_order_at)}"
        in_window = f"{facts.frequency} in the last {story.window_days} days"
        yield _labelled("orders", f"{facts.lifetime_orders}, {span}; {in_window}")
    if facts.lifetime_orders or facts.refunds:
        yield _labelled(
            "revenue",
            f"{facts.lifetime_value} {currency} in total, {facts.monetary} in the last {story.window_days} days; "
            f"average order value {facts.average_check}, discount share {facts.discount_share:g}",
        )
    if facts.refunds:
        yield _labelled("refunds", f"{facts.refunds}, {facts.refunded} {currency}")


def traits_text(traits: Traits, currency: str, reader: StoryReader = PLAIN_READER) -> Iterator[tuple[str, str]]:
    """Yield a label and a text for each trait that is known."""
    if traits.next_up is not None:
        after = next_up_text(traits.next_up.orders, traits.next_up.spend, currency)
        yield "next up", f"{reader.segment(traits.next_up.to)} after {after}"
    if traits.order_gap_days is not None:
        overdue = "" if traits.overdue is None else f"; {traits.overdue} times that since the last order"
        unit = "day" if traits.order_gap_days == "1" else "days"
        yield "order gap", f"usually {traits.order_gap_days} {unit}{overdue}"
    favourites = ("store", traits.favourite_store), ("channel", traits.favourite_channel)
    preferred = [f"{kind} {name}" for kind, name in favourites if name is not None]
    if preferred:
        yield "prefers", ", ".join(preferred)
    flags = ("discount seeker", traits.discount_seeker), ("difficult: refunds a lot", traits.difficult)
    set_flags = [text for text, is_set in flags if is_set]
    if set_flags:
        yield "traits", "; ".join(set_flags)
    if traits.referrals:
        yield "referrals", f"{traits.referrals}"


def next_up_text(orders: int | None, spend: str | None, currency: str, wording: Wording = PLAIN) -> str:
    """Return what leads to a better segment, such as `2 more orders of any size`; arguments as in `NextUp`."""
    count = 1 if orders is None else orders
    many = wording.texts.ngettext
    values = {"count": wording.number(count), "amount": wording.money(spend, currency)}
    if spend is None:
        return many("one more order of any size", "%(count)s more orders of any size", count) % values
    return many("one more order of %(amount)s", "%(count)s more orders of %(amount)s in total", count) % values


def _contact_lines(story: Story) -> Iterator[str]:
    if story.signup:
        yield _labelled("signed up", ", ".join(f"{name} {value}" for name, value in story.signup.items()))
    if story.consents:
        consents = (f"{channel} {'granted' if granted else 'refused'}" for channel, granted in story.consents.items())
        yield _labelled("consents", ", ".join(consents))
    if story.contacts:
        yield _labelled("contacts", ", ".join(f"{count} {kind}" for kind, count in story.contacts.items()))


def _campaign_lines(story: Story, reader: StoryReader) -> Iterator[str]:
    if story.dead_channels:
        yield _labelled("hard bounce", f"{', '.join(story.dead_channels)}: not used any more")
    if story.silenced_by is not None:
        yield _labelled("sunset", f"by campaign {story.silenced_by}: {SuppressionReason.SILENCED.meaning}")
    if story.runs:
        yield "open campaigns"
        yield from (f"  {reader.minute(run.entered_at)}  {_run_text(run, reader)}" for run in story.runs)


def _run_text(run: RunStory, reader: StoryReader) -> str:
    return f"{run.campaign}, entered by {run.entered_by}: {'; '.join(_run_parts(run, reader))}"


def _run_parts(run: RunStory, reader: StoryReader) -> Iterator[str]:
    if run.group is not Group.TREATED:
        yield f"{run.group} group, no messages"
    for number in run.sent:
        responses = {"opened": run.opened, "clicked": run.clicked, "redeemed": run.redeemed}
        yield ", ".join([f"step {number} sent", *(name for name, steps in responses.items() if number in steps)])
    for number, due_at in sorted(run.due_at_by_step.items()):
        yield f"step {number} due {reader.minute(due_at)}"
    if run.sunset_at is not None:
        yield f"sunset on {reader.minute(run.sunset_at)} unless they respond"
    if run.outcome_at is not None:
        yield f"outcome on {reader.minute(run.outcome_at)}"


def _history_lines(story: Story, reader: StoryReader) -> Iterator[str]:
    yield "changes"
    shown = story.changes[-MAX_SHOWN:]
    missing = story.seq - len(shown)
    if missing:
        yield f"  ({missing} earlier)"
    yield from (f"  {line}" for line in _event_lines(shown, reader))
    messages: list[StoryEvent] = [*story.messages, *story.suppressions]
    messages.sort(key=_moment)
    if messages:
        yield "messages"
        if len(messages) > MAX_SHOWN:
            yield f"  ({len(messages) - MAX_SHOWN} earlier)"
        yield from (f"  {line}" for line in _event_lines(messages[-MAX_SHOWN:], reader))


def _event_lines(events: Iterable[StoryEvent], reader: StoryReader) -> Iterator[str]:
    for event in events:
        yield f"{reader.minute(_moment(event))}  {_event_text(event, reader)}"


def _event_text(event: StoryEvent, reader: StoryReader) -> str:
    if isinstance(event, SegmentChangeValue):
        return f"{move_text(event, reader.segment)}: {cause_text(event)}"
    if isinstance(event, Message):
        incentive = f" with {event.incentive}" if event.incentive else ""
        entered_by = event.trigger if isinstance(event.trigger, str) else event.change.id if event.change else ""
        step = f"step {event.attempt} of {event.attempts}, entered by {entered_by}"
        return f"{event.campaign}: {event.template}{incentive}, by {event.channel} ({step})"
    if event.reason.startswith("silence-"):
        return f"{event.campaign} {event.reason}: {event.reason.meaning}"
    step = "" if event.attempt is None else f", step {event.attempt},"
    return f"{event.campaign}{step} suppressed ({event.reason}): {event.reason.meaning}"


def _moment(event: StoryEvent) -> str:
    if isinstance(event, SegmentChangeValue):
        return event.effective_at
    return event.due_at if isinstance(event, Message) else event.at


def _labelled(label: str, text: str) -> str:
    return f"{label:<{_LABEL_WIDTH}}{text}"
