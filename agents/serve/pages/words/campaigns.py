"""Campaigns in a marketer's words: why messages were suppressed, who enters, and what a comparison shows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from agents.languages.formats import Formats
from agents.languages.translations import Texts, mark
from agents.serve.pages.words.segment_names import SegmentNames
from state.config.campaigns import NO_SEGMENT, Campaign
from state.records.outputs import SENT
from state.records.reasons import SuppressionReason

if TYPE_CHECKING:  # at run time it needs scipy, which the server can do without
    from agents.reporting.report import CampaignReport, MoneyEstimate, ShareEstimate

DETECTABLE_POINTS: Final = 5
"""The difference in response, in points, that the group sizes in a report refer to."""

_SHORT: Final = {
    SENT: mark("sent"),
    SuppressionReason.BACKFILL: mark("history"),
    SuppressionReason.SILENCED: mark("silenced"),
    SuppressionReason.CONTROL: mark("control group"),
    SuppressionReason.ONCE: mark("entered before"),
    SuppressionReason.COOLDOWN: mark("entered too recently"),
    SuppressionReason.HOLDOUT: mark("holdout group"),
    SuppressionReason.CONSENT: mark("no consent or channel"),
    SuppressionReason.CAP: mark("frequency cap"),
    SuppressionReason.SUPERSEDED: mark("bought or moved on"),
    SuppressionReason.SILENCE_BEGAN: mark("silenced from now on"),
    SuppressionReason.SILENCE_ENDED: mark("no longer silenced"),
}
_TRIGGERS: Final = {
    "birthday": mark("on the birthday"),
    "overdue": mark("when an order is overdue"),
}
_VERDICTS: Final = {
    "nobody treated": mark("Nobody treated yet"),
    "nobody held back": mark("Not measurable: nobody held back"),
    "too small": mark("Too small to tell"),
    "no difference": mark("No significant difference"),
}
_CONTACTS: Final = {
    "opened": (mark("%(count)s opened"), mark("opens")),
    "clicked": (mark("%(count)s clicked"), mark("clicks")),
    "redeemed": (mark("%(count)s redeemed"), mark("redemptions")),
}
"""Contacts that a campaign engine reports: with their number, and by name where there is none."""
OUTCOMES: Final[Sequence[str]] = tuple(str(outcome) for outcome in _SHORT)
"""All outcomes of a message, in the order in which pages list them."""


def outcome_words(outcome: str, texts: Texts) -> str:
    """Return an outcome in two or three words."""
    return texts.gettext(_SHORT[outcome]) if outcome in _SHORT else outcome


def outcome_meaning(outcome: str, texts: Texts) -> str:
    """Return why a message was suppressed, in a sentence; empty for those that were sent."""
    return texts.gettext(SuppressionReason(outcome).meaning) if outcome in set(SuppressionReason) else ""


def held_words(reason: str, count: int, formats: Formats) -> str:
    """Return how often a campaign as a whole was suppressed for a reason, or messages stopped or began again."""
    many = formats.texts.ngettext
    forms: dict[str, str] = {
        SuppressionReason.BACKFILL: many(
            "%(count)s entry is history, which gets no messages",
            "%(count)s entries are history, which gets no messages",
            count,
        ),
        SuppressionReason.SILENCED: many(
            "%(count)s customer gets no messages any more, having responded to none of an earlier campaign",
            "%(count)s customers get no messages any more, having responded to none of an earlier campaign",
            count,
        ),
        SuppressionReason.CONTROL: many(
            "%(count)s customer is in the control group, which no campaign reaches",
            "%(count)s customers are in the control group, which no campaign reaches",
            count,
        ),
        SuppressionReason.HOLDOUT: many(
            "%(count)s customer is held back for comparison, and gets none of these messages",
            "%(count)s customers are held back for comparison, and get none of these messages",
            count,
        ),
        SuppressionReason.ONCE: many(
            "%(count)s customer had been in this campaign before, and once is enough",
            "%(count)s customers had been in this campaign before, and once is enough",
            count,
        ),
        SuppressionReason.COOLDOWN: many(
            "%(count)s customer had been in this campaign too recently",
            "%(count)s customers had been in this campaign too recently",
            count,
        ),
        SuppressionReason.SILENCE_BEGAN: many(
            "%(count)s customer responded to none of the messages, and gets no more",
            "%(count)s customers responded to none of the messages, and get no more",
            count,
        ),
        SuppressionReason.SILENCE_ENDED: many(
            "%(count)s customer bought or gave a consent, and gets messages again",
            "%(count)s customers bought or gave a consent, and get messages again",
            count,
        ),
    }
    form = forms.get(reason, f"%(count)s × {outcome_words(reason, formats.texts)}")
    return form % {"count": formats.number(count)}


def entry_words(campaign: Campaign, segments: SegmentNames, texts: Texts) -> str:
    """Return who enters a campaign."""
    to = _listed([segments.title(name) for name in campaign.to], texts)
    if campaign.trigger is not None:
        trigger = texts.gettext(_TRIGGERS[campaign.trigger]) if campaign.trigger in _TRIGGERS else campaign.trigger
        return texts.gettext("Starts %(trigger)s, in the segment %(to)s") % {"trigger": trigger, "to": to}
    if not campaign.from_segments:
        return texts.gettext("Starts when a customer enters the segment %(to)s") % {"to": to}
    known = [segments.title(name) for name in campaign.from_segments if name != NO_SEGMENT]
    values = {"before": _listed(known, texts) if known else "", "to": to}
    if not known:
        return texts.gettext("Starts when a customer is first seen, in the segment %(to)s") % values
    if NO_SEGMENT in campaign.from_segments:
        return texts.gettext("Starts when a customer is first seen in %(to)s, or moves there from %(before)s") % values
    return texts.gettext("Starts when a customer moves from %(before)s to %(to)s") % values


def message_words(sent: int, contacts: Mapping[str, int | None], formats: Formats) -> str:
    """Return how many messages were sent, and what came back; a dash for kinds of contacts that are not reported."""
    texts = formats.texts
    counts = [(mark("%(count)s sent"), sent)]
    counts += [(_CONTACTS[kind][0], count) for kind, count in contacts.items() if count is not None]
    words = ", ".join(texts.gettext(form) % {"count": formats.number(count)} for form, count in counts)
    missing = ", ".join(texts.gettext(_CONTACTS[kind][1]) for kind, count in contacts.items() if count is None)
    if not missing:
        return words
    return f"{words} · " + texts.gettext("%(kinds)s: – (not reported)") % {"kinds": missing}


def conclusion(report: "CampaignReport", formats: Formats) -> str:
    """Return what the comparison of both groups shows, claiming no more than `agents.reporting.verdict` does."""
    texts, needed = formats.texts, ""
    if report.comparison_size_needed is not None:
        count = report.comparison_size_needed
        needed = formats.number(round(count, 2 - len(str(count))))
    values = {
        "needed": needed,
        "entries": formats.number(report.comparison.entries),
        "points": formats.number(DETECTABLE_POINTS),
    }
    if report.verdict == "nobody treated":
        return texts.gettext("Nobody has been treated yet: there is nothing to compare.")
    if report.verdict == "nobody held back":
        return (
            texts.gettext(
                "Nobody is held back, so the uplift cannot be measured. Give the campaign a holdout; about %(needed)s "
                "entries are needed."
            )
            % values
        )
    if report.verdict == "difference":
        return texts.gettext("%(response)s, %(revenue)s.") % {
            "response": _response_difference(report.response_uplift, texts),
            "revenue": _money_difference(report.net_uplift, texts),
        }
    is_too_few = (report.comparison_size_needed or 0) > report.comparison.entries
    if report.verdict == "no difference" and not is_too_few:
        return texts.gettext("No significant difference.")
    remedy = (
        texts.gettext("About %(needed)s held back would show a difference of %(points)s points of response.")
        if report.treated_needed is None
        else texts.gettext(
            "About %(needed)s held back, and as many treated, would show a difference of %(points)s points of response."
        )
    ) % values
    if report.verdict == "too small":
        state = texts.gettext("Too small to tell: %(entries)s held back so far.") % values
    else:
        state = texts.gettext("No significant difference: %(entries)s held back so far.") % values
    return f"{state} {remedy}"


def short_conclusion(report: "CampaignReport", texts: Texts) -> str:
    """Return what the comparison shows in two or three words, claiming no more than `conclusion`."""
    if report.verdict == "difference":
        response, net = report.response_uplift, report.net_uplift
        if response is not None and (response.low > 0 or response.high < 0):
            return _response_difference(response, texts)
        is_more = net is not None and net.low is not None and float(net.low) > 0
        return texts.gettext("More revenue") if is_more else texts.gettext("Less revenue")
    return texts.gettext(_VERDICTS[report.verdict])


def _response_difference(uplift: "ShareEstimate | None", texts: Texts) -> str:
    if uplift is None or uplift.low <= 0 <= uplift.high:
        return texts.gettext("No significant difference in response")
    return texts.gettext("More respond") if uplift.low > 0 else texts.gettext("Fewer respond")


def _money_difference(uplift: "MoneyEstimate | None", texts: Texts) -> str:
    if uplift is None or uplift.low is None or uplift.high is None or float(uplift.low) <= 0 <= float(uplift.high):
        return texts.gettext("no significant difference in revenue")
    return (
        texts.gettext("they bring more revenue") if float(uplift.low) > 0 else texts.gettext("they bring less revenue")
    )


def _listed(titles: Sequence[str], texts: Texts) -> str:
    quoted = [texts.gettext("“%(title)s”") % {"title": title} for title in titles]
    if len(quoted) == 1:
        return quoted[0]
    return texts.gettext("%(first)s or %(last)s") % {"first": ", ".join(quoted[:-1]), "last": quoted[-1]}
