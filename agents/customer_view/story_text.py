"""Write a customer's story as lines of text, for a terminal, in the reader's language."""

from collections.abc import Iterator, Mapping
from typing import Final

from agents.customer_view.change_text import cause_text
from agents.customer_view.story import Story, StoryEvent
from agents.customer_view.story_events import event_lines, event_moment
from agents.customer_view.story_runs import RunStory
from agents.customer_view.story_traits import Traits
from agents.customer_view.story_wording import PLAIN_READER, StoryReader
from agents.languages.formats import NO_BREAK, PLAIN, Wording
from agents.languages.translations import mark
from state.records.reasons import Group, SuppressionReason

MAX_SHOWN: Final = 20
"""How many changes, and how many messages, are shown at most: the last ones."""

_LABEL_WIDTH: Final = 13
_STORE: Final = mark("store %(name)s")
_CHANNEL: Final = mark("channel %(name)s")
_DISCOUNT_SEEKER: Final = mark("discount seeker")
_DIFFICULT: Final = mark("difficult: refunds a lot")
_SIGNUP: Final[Mapping[str, str]] = {
    "source": mark("source"),
    "birth_date": mark("born"),
    "city": mark("city"),
    "country": mark("country"),
    "timezone": mark("time zone"),
    "language": mark("language"),
    "referred_by": mark("referred by"),
}
_CONTACTS: Final[Mapping[str, str]] = {
    "delivered": mark("delivered"),
    "opened": mark("opened"),
    "clicked": mark("clicked"),
    "redeemed": mark("redeemed"),
    "bounced": mark("bounced"),
    "unsubscribed": mark("unsubscribed"),
    "complained": mark("complained"),
}
"""As published, in words; one that is not here is shown by its name."""


def story_lines(story: Story, reader: StoryReader = PLAIN_READER) -> Iterator[str]:
    """Yield the lines of the story; characters that a terminal could interpret are escaped."""
    for each in _lines(story, reader):
        line = each.replace(NO_BREAK, " ")
        yield (
            line
            if line.isprintable()
            else "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)
        )


def _lines(story: Story, reader: StoryReader) -> Iterator[str]:
    title = reader.segment(story.segment)
    segment = story.segment if title == story.segment else f"{story.segment} ({title})"
    translate = reader.texts.gettext
    yield translate("%(customer)s: %(segment)s since %(since)s, as of %(as_of)s (%(zone)s)") % {
        "customer": story.customer_id,
        "segment": segment,
        "since": reader.minute(story.since),
        "as_of": reader.minute(story.as_of),
        "zone": reader.zone,
    }
    if story.changes:
        yield _labelled(translate("why"), cause_text(story.changes[-1], reader.wording))
    cell = translate("%(cell)s, by policy %(policy)s") % {"cell": story.cell, "policy": story.policy}
    yield _labelled(translate("RFM cell"), cell)
    yield from _purchase_lines(story, reader)
    yield from (_labelled(label, text) for label, text in traits_text(story.traits, story.facts.currency, reader))
    yield from _contact_lines(story, reader)
    yield from _campaign_lines(story, reader)
    yield from _history_lines(story, reader)
    yield translate("next, if nothing happens")
    yield from (f"  {line}" for line in event_lines(story.next, reader))
    if not story.next:
        yield f"  {translate('nothing: stays %(segment)s') % {'segment': title}}"


def _purchase_lines(story: Story, reader: StoryReader) -> Iterator[str]:
    facts, currency, wording = story.facts, story.facts.currency, reader.wording
    translate, many = reader.texts.gettext, reader.texts.ngettext
    # A fraction has the form of a few: "0.5 days", "0,5 дня".
    days = int(story.window_days) if story.window_days == int(story.window_days) else 2
    window = many("the last %(count)s day", "the last %(count)s days", days) % {
        "count": wording.number(story.window_days)
    }
    if facts.first_order_at is None or facts.last_order_at is None:
        yield _labelled(translate("orders"), translate("none"))
    else:
        span = reader.minute(facts.first_order_at)
        if facts.last_order_at != facts.first_order_at:
            values = {"first": span, "last": reader.minute(facts.last_order_at)}
            span = translate("%(first)s to %(last)s") % values
        values = {"count": wording.number(facts.frequency), "window": window}
        in_window = translate("%(count)s in %(window)s") % values
        yield _labelled(translate("orders"), f"{wording.number(facts.lifetime_orders)}, {span}; {in_window}")
    if facts.lifetime_orders or facts.refunds:
        text = translate(
            "%(total)s in total, %(amount)s in %(window)s; average order value %(average)s, discount share %(share)s"
        )
        yield _labelled(
            translate("revenue"),
            text
            % {
                "total": wording.money(facts.lifetime_value, currency),
                "amount": wording.money(facts.monetary, currency),
                "window": window,
                "average": wording.money(facts.average_check, currency),
                "share": wording.number(f"{facts.discount_share:g}"),
            },
        )
    if facts.refunds:
        refunded = f"{wording.number(facts.refunds)}, {wording.money(facts.refunded, currency)}"
        yield _labelled(translate("refunds"), refunded)


def traits_text(traits: Traits, currency: str, reader: StoryReader = PLAIN_READER) -> Iterator[tuple[str, str]]:
    """Yield a label and a text for each trait that is known."""
    translate, many, wording = reader.texts.gettext, reader.texts.ngettext, reader.wording
    if traits.next_up is not None:
        needed = next_up_text(traits.next_up.orders, traits.next_up.spend, currency, wording)
        values = {"segment": reader.segment(traits.next_up.to), "needed": needed}
        yield translate("next up"), translate("%(segment)s after %(needed)s") % values
    if traits.order_gap_days is not None:
        days = float(traits.order_gap_days)
        text = many("usually %(count)s day", "usually %(count)s days", int(days) if days == int(days) else 2)
        gap = text % {"count": wording.number(traits.order_gap_days)}
        if traits.overdue is not None:
            values = {"times": wording.number(traits.overdue)}
            gap += "; " + translate("%(times)s times that since the last order") % values
        yield translate("order gap"), gap
    favourites = (_STORE, traits.favourite_store), (_CHANNEL, traits.favourite_channel)
    preferred = [translate(text) % {"name": name} for text, name in favourites if name is not None]
    if preferred:
        yield translate("prefers"), ", ".join(preferred)
    flags = (_DISCOUNT_SEEKER, traits.discount_seeker), (_DIFFICULT, traits.difficult)
    set_flags = [translate(text) for text, is_set in flags if is_set]
    if set_flags:
        yield translate("traits"), "; ".join(set_flags)
    if traits.referrals:
        yield translate("referrals"), wording.number(traits.referrals)


def next_up_text(orders: int | None, spend: str | None, currency: str, wording: Wording = PLAIN) -> str:
    """Return what leads to a better segment, such as `2 more orders of any size`; arguments as in `NextUp`."""
    count = 1 if orders is None else orders
    many = wording.texts.ngettext
    values = {"count": wording.number(count), "amount": wording.money(spend, currency)}
    if spend is None:
        return many("one more order of any size", "%(count)s more orders of any size", count) % values
    return many("one more order of %(amount)s", "%(count)s more orders of %(amount)s in total", count) % values


def _contact_lines(story: Story, reader: StoryReader) -> Iterator[str]:
    translate = reader.texts.gettext
    if story.signup:
        facts = (f"{translate(_SIGNUP.get(name, name))} {value}" for name, value in story.signup.items())
        yield _labelled(translate("signed up"), ", ".join(facts))
    if story.consents:
        states = {True: translate("granted"), False: translate("refused")}
        consents = (f"{channel} {states[granted]}" for channel, granted in story.consents.items())
        yield _labelled(translate("consents"), ", ".join(consents))
    if story.contacts:
        contacts = (
            translate("%(count)s %(kind)s")
            % {"count": reader.wording.number(count), "kind": translate(_CONTACTS.get(kind, kind))}
            for kind, count in story.contacts.items()
        )
        yield _labelled(translate("contacts"), ", ".join(contacts))


def _campaign_lines(story: Story, reader: StoryReader) -> Iterator[str]:
    translate = reader.texts.gettext
    if story.dead_channels:
        channels = {"channels": ", ".join(story.dead_channels)}
        yield _labelled(translate("hard bounce"), translate("%(channels)s: not used any more") % channels)
    if story.silenced_by is not None:
        values = {"campaign": story.silenced_by, "reason": translate(SuppressionReason.SILENCED.meaning)}
        yield _labelled(translate("sunset"), translate("by campaign %(campaign)s: %(reason)s") % values)
    if story.runs:
        yield translate("open campaigns")
        yield from (f"  {reader.minute(run.entered_at)}  {_run_text(run, reader)}" for run in story.runs)


def _run_text(run: RunStory, reader: StoryReader) -> str:
    text = reader.texts.gettext("%(campaign)s, entered by %(cause)s: %(state)s")
    return text % {"campaign": run.campaign, "cause": run.entered_by, "state": "; ".join(_run_parts(run, reader))}


def _run_parts(run: RunStory, reader: StoryReader) -> Iterator[str]:
    translate = reader.texts.gettext
    if run.group is Group.CONTROL:
        yield translate("control group, no messages")
    elif run.group is Group.HOLDOUT:
        yield translate("holdout group, no messages")
    for number in run.sent:
        responses = {"opened": run.opened, "clicked": run.clicked, "redeemed": run.redeemed}
        seen = [translate(_CONTACTS[name]) for name, steps in responses.items() if number in steps]
        yield ", ".join([translate("step %(number)s sent") % {"number": number}, *seen])
    for number, due_at in sorted(run.due_at_by_step.items()):
        yield translate("step %(number)s due %(moment)s") % {"number": number, "moment": reader.minute(due_at)}
    if run.sunset_at is not None:
        moment = {"moment": reader.minute(run.sunset_at)}
        yield translate("sunset on %(moment)s unless they respond") % moment
    if run.outcome_at is not None:
        yield translate("outcome on %(moment)s") % {"moment": reader.minute(run.outcome_at)}


def _history_lines(story: Story, reader: StoryReader) -> Iterator[str]:
    translate = reader.texts.gettext
    yield translate("changes")
    shown = story.changes[-MAX_SHOWN:]
    if missing := story.seq - len(shown):
        yield f"  ({translate('%(count)s earlier') % {'count': reader.wording.number(missing)}})"
    yield from (f"  {line}" for line in event_lines(shown, reader))
    messages: list[StoryEvent] = [*story.messages, *story.suppressions]
    messages.sort(key=event_moment)
    if messages:
        yield translate("messages")
        if (missing := len(messages) - MAX_SHOWN) > 0:
            yield f"  ({translate('%(count)s earlier') % {'count': reader.wording.number(missing)}})"
        yield from (f"  {line}" for line in event_lines(messages[-MAX_SHOWN:], reader))


def _labelled(label: str, text: str) -> str:
    return f"{label:<{_LABEL_WIDTH}}{text}"
