"""A customer's story as lines of text, for a terminal."""

from collections.abc import Iterable, Iterator
from typing import Final

from agents.customer_view.change_text import cause_text, move_text
from agents.customer_view.story import Story, StoryMessage
from agents.customer_view.story_runs import run_text
from agents.customer_view.story_traits import traits_text
from state.records.outputs import Message, SegmentChangeValue
from state.records.reasons import SuppressionReason

MAX_SHOWN: Final = 20
"""Changes, and messages, that are shown; of more of them the last ones."""

_WIDTH: Final = 13


def story_lines(story: Story) -> Iterator[str]:
    """Tell the story; what a terminal could take for a command is escaped."""
    for line in _lines(story):
        yield (
            line
            if line.isprintable()
            else "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in line)
        )


def _lines(story: Story) -> Iterator[str]:
    facts, currency = story.facts, story.facts.currency
    yield f"{story.customer_id}: {story.segment} since {_minute(story.since)}, as of {_minute(story.as_of)}"
    if story.changes:
        yield _line("why", cause_text(story.changes[-1]))
    yield _line("cell", f"{story.cell} by the policy {story.policy}")
    yield _line("orders", _orders(story))
    if facts.lifetime_orders or facts.refunds:
        yield _line(
            "revenue",
            f"{facts.lifetime_value} {currency} in all, {facts.monetary} in the last {story.window_days} days; "
            f"average check {facts.average_check}, discount share {facts.discount_share:g}",
        )
    if facts.refunds:
        yield _line("refunds", f"{facts.refunds}, {facts.refunded} {currency}")
    yield from (_line(name, words) for name, words in traits_text(story.traits, currency))
    known = [f"{name} {value}" for name, value in story.signup.items()]
    if known:
        yield _line("signed up", ", ".join(known))
    if story.consents:
        said = (f"{channel} {'granted' if granted else 'refused'}" for channel, granted in story.consents.items())
        yield _line("consents", ", ".join(said))
    if story.contacts:
        yield _line("contacts", ", ".join(f"{count} {kind}" for kind, count in story.contacts.items()))
    yield from _campaigns(story)
    yield from _so_far(story)
    yield "next, if nothing happens"
    yield from (f"  {line}" for line in _told_lines(story.next))
    if not story.next:
        yield f"  nothing: stays {story.segment}"


def _orders(story: Story) -> str:
    facts = story.facts
    if facts.first_order_at is None or facts.last_order_at is None:
        return "none"
    span = _minute(facts.first_order_at)
    if facts.last_order_at != facts.first_order_at:
        span += f" to {_minute(facts.last_order_at)}"
    return f"{facts.lifetime_orders}, {span}; {facts.frequency} in the last {story.window_days} days"


def _campaigns(story: Story) -> Iterator[str]:
    if story.dead_channels:
        yield _line("dead", f"{', '.join(story.dead_channels)}: a message came back for good")
    if story.silenced_by is not None:
        yield _line("silenced", f"by {story.silenced_by}: {SuppressionReason.SILENCED.meaning}")
    if story.runs:
        yield "campaigns under way"
        yield from (f"  {_minute(run.began_at)}  {run_text(run)}" for run in story.runs)


def _so_far(story: Story) -> Iterator[str]:
    yield "changes"
    shown = story.changes[-MAX_SHOWN:]
    missing = story.seq - len(shown)
    if missing:
        yield f"  ({missing} earlier)"
    yield from (f"  {line}" for line in _told_lines(shown))
    sent: list[StoryMessage] = [*story.messages, *story.kept_back]
    sent.sort(key=_moment)
    if sent:
        yield "messages"
        if len(sent) > MAX_SHOWN:
            yield f"  ({len(sent) - MAX_SHOWN} earlier)"
        yield from (f"  {line}" for line in _told_lines(sent[-MAX_SHOWN:]))


def _told_lines(told: Iterable[StoryMessage]) -> Iterator[str]:
    for each in told:
        yield f"{_minute(_moment(each))}  {_words(each)}"


def _words(told: StoryMessage) -> str:
    if isinstance(told, SegmentChangeValue):
        return f"{move_text(told)}: {cause_text(told)}"
    if isinstance(told, Message):
        with_incentive = f" with {told.incentive}" if told.incentive else ""
        began_by = told.trigger if isinstance(told.trigger, str) else told.change.id if told.change else ""
        of = f"{told.attempt} of {told.attempts}, begun by {began_by}"
        return f"{told.campaign}: {told.template}{with_incentive}, by {told.channel} ({of})"
    if told.reason.startswith("silence-"):
        return f"{told.campaign}: {told.reason}: {told.reason.meaning}"
    of = "" if told.attempt is None else f", attempt {told.attempt},"
    return f"{told.campaign}{of} kept back: {told.reason}: {told.reason.meaning}"


def _moment(told: StoryMessage) -> str:
    if isinstance(told, SegmentChangeValue):
        return told.effective_at
    return told.due_at if isinstance(told, Message) else told.at


def _minute(moment: str) -> str:
    return f"{moment[:10]} {moment[11:16]}"


def _line(name: str, text: str) -> str:
    return f"{name:<{_WIDTH}}{text}"
