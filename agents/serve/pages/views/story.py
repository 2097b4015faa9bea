"""A customer's story as the page tells it: the timeline, what happened and why, and what comes next."""

from collections.abc import Iterator
from typing import NamedTuple

from markupsafe import Markup

from agents.customer_view.change_text import cause_text
from agents.customer_view.story import Story, StoryEvent, StoryOrder
from agents.customer_view.story_runs import RunStory
from agents.serve.pages.charts.segment_look import SegmentLook
from agents.serve.pages.charts.timeline import Mark, Order, Stay, timeline
from agents.serve.pages.page_view import PageView
from agents.serve.pages.words.contacts import channel_title
from state.records.outputs import Message, SegmentChangeValue
from state.records.reasons import Group
from state.units.timestamps import DAY_MS, parse_rfc3339

MAX_EVENTS = 60
"""How many events are listed at most: the last ones."""
MAX_NEXT = 12


class EventText(NamedTuple):
    """Something that happened, or will.

    Attributes:
        at: when.
        kind: `change`, `message` or `suppressed`.
        before: the segment before a change; None at the first one. `after` likewise, None if it is no change.
        title: what happened, where it is no change.
        why: the reason.
    """

    at: str
    kind: str
    before: str | None
    after: str | None
    title: str
    why: str


class RunText(NamedTuple):
    """An open campaign."""

    campaign: str
    since: str
    text: str


class StoryView:
    """A story in a reader's language.

    Attributes:
        story: as the look-up returns it.
        past: what happened, the latest first; `hidden` is the number of earlier events.
        future: what happens if nothing is bought.
        runs: the open campaigns.
    """

    def __init__(self, story: Story, view: PageView) -> None:
        self.story = story
        self._view = view
        past: list[StoryEvent] = [*story.changes, *story.suppressions, *story.messages]
        past.sort(key=_moment)
        past.reverse()  # of one moment too, what came last is first
        self.hidden = max(0, len(past) - MAX_EVENTS)
        self.past = [self._event(event) for event in past[:MAX_EVENTS]]
        self.future = [self._event(event) for event in story.next[:MAX_NEXT]]
        self.runs = [RunText(run.campaign, run.entered_at, "; ".join(self._run(run))) for run in story.runs]

    @property
    def orders(self) -> list[StoryOrder]:
        """The orders that are remembered, the latest first."""
        return self.story.orders[::-1]

    @property
    def has_older_orders(self) -> bool:
        """Whether the customer has orders that are not remembered any more."""
        return len(self.story.orders) < self.story.facts.lifetime_orders

    @property
    def stayed_in(self) -> list[str]:
        """The segments that the customer was in, in order."""
        return list(dict.fromkeys(change.to_segment for change in self.story.changes))

    @property
    def chart(self) -> Markup:
        """The timeline: orders, stays in segments, thresholds, the present, and the next drop."""
        _, view, story = self._view.texts.gettext, self._view, self.story
        currency, now_ms = story.facts.currency, parse_rfc3339(story.as_of)
        return timeline(
            [
                Order(
                    parse_rfc3339(order.at),
                    float(order.amount),
                    f"{view.formats.day(order.at)}: {view.formats.money(order.amount, currency)}",
                )
                for order in story.orders
            ],
            [self._stay(change) for change in story.changes],
            list(self._marks(now_ms)),
            now_ms=now_ms,
            write=view.formats.day_of_ms,
            title=_("Orders and segments over time"),
            description=_("Every order as a stem as high as its amount; below, the segment at that time."),
        )

    def _stay(self, change: SegmentChangeValue) -> Stay:
        segment = self._view.segments[change.to_segment]
        label = f"{segment.title}, {self._view.formats.day(change.effective_at)}: {self._why(change)}"
        return Stay(parse_rfc3339(change.effective_at), SegmentLook(segment.name, segment.title, segment.style), label)

    def _marks(self, now_ms: int) -> Iterator[Mark]:
        """Yield the present, the thresholds of recency that the last order passes, and the next drop."""
        _, policy, last_order_at = self._view.texts.gettext, self._view.policy, self.story.facts.last_order_at
        yield Mark(now_ms, _("now"), "now")
        down = self.story.traits.next_down
        if down is not None and parse_rfc3339(down.at) - now_ms < 2 * 365 * DAY_MS:
            yield Mark(parse_rfc3339(down.at), f"→ {self._view.segments[down.to].title}", "drop")
        if policy is None or last_order_at is None:
            return
        for edge_ms, text in zip(policy.recency_edges_ms, policy.recency_edges_text, strict=True):
            at_ms = parse_rfc3339(last_order_at) + edge_ms
            if down is None or at_ms != parse_rfc3339(down.at):
                days = self._view.texts.ngettext("%(count)s day", "%(count)s days", int(float(text)))
                yield Mark(at_ms, days % {"count": self._view.formats.number(text)}, "edge")

    def _why(self, change: SegmentChangeValue) -> str:
        return cause_text(change, self._view.formats)

    def _event(self, event: StoryEvent) -> EventText:
        _ = self._view.texts.gettext
        if isinstance(event, SegmentChangeValue):
            return EventText(event.effective_at, "change", event.from_segment, event.to_segment, "", self._why(event))
        if isinstance(event, Message):
            title = _("%(campaign)s, step %(number)s of %(steps)s: message by %(channel)s") % {
                "campaign": event.campaign,
                "number": event.attempt,
                "steps": event.attempts,
                "channel": channel_title(event.channel, self._view.texts),
            }
            incentive = _("with %(incentive)s") % {"incentive": event.incentive} if event.incentive else ""
            return EventText(event.due_at, "message", None, None, title, f"{event.template} {incentive}".strip())
        title = _("%(campaign)s: nothing sent") % {"campaign": event.campaign}
        if event.attempt is not None:
            values = {"campaign": event.campaign, "number": event.attempt}
            title = _("%(campaign)s, step %(number)s: not sent") % values
        return EventText(event.at, "suppressed", None, None, title, _(event.reason.meaning))

    def _run(self, run: RunStory) -> Iterator[str]:
        _, moment = self._view.texts.gettext, self._view.formats.moment
        if run.group is Group.CONTROL:
            yield _("control group, no messages")
        elif run.group is Group.HOLDOUT:
            yield _("holdout group, no messages")
        for number in run.sent:
            words = [_("step %(number)s sent") % {"number": number}]
            words += [_("opened")] if number in run.opened else []
            words += [_("clicked")] if number in run.clicked else []
            words += [_("redeemed")] if number in run.redeemed else []
            yield ", ".join(words)
        for number, due_at in sorted(run.due_at_by_step.items()):
            yield _("step %(number)s on %(moment)s") % {"number": number, "moment": moment(due_at)}


def _moment(event: StoryEvent) -> str:
    if isinstance(event, SegmentChangeValue):
        return event.effective_at
    return event.due_at if isinstance(event, Message) else event.at
