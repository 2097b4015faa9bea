"""What the page of campaigns shows: each campaign's steps with their counts, and what it brought."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markupsafe import Markup

from agents.serve.pages.charts.interval_chart import Interval, interval_chart
from agents.serve.pages.charts.step_chart import Step, StepPart, step_chart
from agents.serve.pages.page_view import PageView
from agents.serve.pages.words.campaigns import (
    OUTCOMES,
    conclusion,
    entry_words,
    held_words,
    message_words,
    outcome_meaning,
    outcome_words,
    short_conclusion,
)
from agents.serve.pages.words.short_figures import short_money, signed
from state.config.campaigns import Campaign, Campaigns
from state.records.outputs import SENT
from state.records.reasons import SuppressionReason

if TYPE_CHECKING:  # at run time it needs scipy, which the server can do without
    from agents.reporting.report import CampaignReport, UpliftReport

_CONCLUSIVE: Final = ("difference", "no difference")
_SUNSET: Final = (SuppressionReason.SILENCE_BEGAN, SuppressionReason.SILENCE_ENDED)
_MS: Final = 1000
_CONFIDENCE: Final = 0.95


class Estimate(NamedTuple):
    """An uplift: what of, its value and bounds in words, and its chart."""

    title: str
    value: str
    bounds: str
    chart: Markup


class StepRow(NamedTuple):
    """A step in the table: its title, what was sent, and what was suppressed, by reason."""

    title: str
    sent: int
    suppressed: list[tuple[str, int]]


class CampaignCard(NamedTuple):
    """A campaign.

    Attributes:
        entry: who enters it; empty for a campaign that is no longer in the file.
        steps: in their order; `chart` shows the same.
        legend: the outcomes in the chart, with their words and the sentence that explains each.
        never_entered: what was suppressed as a whole: a sentence for each reason.
        sunset: customers to whom messages stopped, or began again: likewise.
        report: what it brought; None while no attribution days are over.
        messages: how many were sent, and what was reported of them.
        verdict: the sentence of the comparison, and `short_verdict` the same in two words; `tone` of their colour.
    """

    name: str
    entry: str
    steps: list[StepRow]
    chart: Markup
    legend: list[tuple[str, str, str]]
    never_entered: list[str]
    sunset: list[str]
    report: "CampaignReport | None"
    messages: str
    verdict: str
    short_verdict: str
    tone: str
    estimates: list[Estimate]

    @property
    def is_money_clear(self) -> bool:
        """Whether the uplift in revenue is certain: no sum is named where it may as well be zero or the opposite."""
        net = None if self.report is None or self.report.verdict != "difference" else self.report.net_uplift
        return net is not None and net.low is not None and net.high is not None and not _has_zero(net.low, net.high)

    @property
    def sent(self) -> int:
        """Messages of all steps that were sent in the period."""
        return sum(step.sent for step in self.steps)

    @property
    def not_sent(self) -> int:
        """Messages of all steps that were suppressed in the period."""
        return sum(count for step in self.steps for _, count in step.suppressed)


class CampaignsView:
    """The campaigns of the active file, then those of earlier files that have results."""

    def __init__(
        self,
        campaigns: Campaigns | None,
        days: Iterable[Mapping[str, Any]],
        report: "UpliftReport | None",
        view: PageView,
    ) -> None:
        self._view = view
        self._currency = "" if report is None else report.currency
        self._counts = _step_counts(days)
        self._uplifts = report
        self._reports = {} if report is None else {each.campaign: each for each in report.campaigns}
        active = () if campaigns is None else campaigns.campaigns
        gone = sorted((self._counts.keys() | self._reports.keys()) - {campaign.name for campaign in active})
        self.cards = [self._card(campaign.name, campaign) for campaign in active]
        self.earlier = [self._card(name, None) for name in gone]

    def _card(self, name: str, campaign: Campaign | None) -> CampaignCard:
        texts = self._view.texts
        counts: Mapping[int, Counter[str]] = self._counts.get(name, {})
        steps = list(self._steps(campaign, counts))
        present = {part.kind for step in steps for part in step.parts if part.count}
        report = self._reports.get(name)
        estimates = [] if report is None else list(self._estimates(report))
        return CampaignCard(
            name,
            "" if campaign is None else entry_words(campaign, self._view.segments, texts),
            [_row(step, self._view) for step in steps],
            self._chart(name, steps),
            [(kind, outcome_words(kind, texts), outcome_meaning(kind, texts)) for kind in OUTCOMES if kind in present],
            self._held([kind for kind in OUTCOMES if kind not in _SUNSET], counts),
            self._held(_SUNSET, counts),
            report,
            self._messages(report),
            "" if report is None else conclusion(report, self._view.formats),
            "" if report is None else short_conclusion(report, texts),
            "" if report is None else _tone(report),
            estimates,
        )

    def _messages(self, report: "CampaignReport | None") -> str:
        if report is None or self._uplifts is None:
            return ""
        return message_words(report.sent, self._uplifts.contacts_of(report), self._view.formats)

    def _held(self, reasons: Iterable[str], counts: Mapping[int, Counter[str]]) -> list[str]:
        whole = counts.get(0, Counter())
        return [held_words(reason, whole[reason], self._view.formats) for reason in reasons if whole[reason]]

    def _steps(self, campaign: Campaign | None, counts: Mapping[int, Counter[str]]) -> Iterator[Step]:
        """Yield the steps of the file, or those that have counts, whichever are more."""
        texts, formats = self._view.texts, self._view.formats
        defined = () if campaign is None else campaign.steps
        for number in range(1, max(len(defined), *counts, 0) + 1):
            if number <= len(defined):
                step = defined[number - 1]
                after = formats.duration(step.after_ms / _MS)
                form = (
                    texts.gettext("after %(time)s: %(template)s")
                    if step.after_ms
                    else texts.gettext("at once: %(template)s")
                )
                title = form % {"time": after, "template": step.template}
            else:
                title = texts.gettext("step %(number)s of an earlier file") % {"number": formats.number(number)}
            outcomes = counts.get(number, Counter())
            figure = texts.gettext("nothing due")
            if outcomes.total():
                figure = texts.gettext("%(sent)s of %(all)s sent") % {
                    "sent": formats.number(outcomes[SENT]),
                    "all": formats.number(outcomes.total()),
                }
            parts = [
                StepPart(kind, outcomes[kind], f"{outcome_words(kind, texts)}: {formats.number(outcomes[kind])}")
                for kind in OUTCOMES
                if outcomes[kind]
            ]
            yield Step(title, figure, parts)

    def _chart(self, name: str, steps: list[Step]) -> Markup:
        if not steps:
            return Markup("")
        gettext = self._view.texts.gettext
        return step_chart(
            steps,
            title=gettext("Steps of the campaign %(name)s") % {"name": name},
            description=gettext("For each step, how many messages were sent, and how many suppressed, by reason."),
        )

    def _estimates(self, report: "CampaignReport") -> Iterator[Estimate]:
        texts, formats, is_conclusive = self._view.texts, self._view.formats, report.verdict in _CONCLUSIVE

        def points(value: float) -> str:
            return signed(formats.number(f"{value:.1f}".removesuffix(".0")), value)

        def money(value: float) -> str:
            return signed(short_money(value, self._currency, formats), value)

        response, net = report.response_uplift, report.net_uplift
        if response is not None:
            interval = Interval(response.value * 100, response.low * 100, response.high * 100, is_conclusive)
            title = texts.gettext("Uplift in response, percentage points")
            yield self._estimate(title, interval, points)
        if net is not None:
            low, high = (None if bound is None else float(bound) for bound in (net.low, net.high))
            title = texts.gettext("Uplift in revenue per entry")
            yield self._estimate(title, Interval(float(net.value), low, high, is_conclusive), money)

    def _estimate(self, title: str, interval: Interval, write: Any) -> Estimate:
        texts = self._view.texts
        value = write(interval.value)
        bounds = texts.gettext("the interval cannot be computed")
        if interval.low is not None and interval.high is not None:
            bounds = texts.gettext("between %(low)s and %(high)s with %(confidence)s confidence") % {
                "low": write(interval.low),
                "high": write(interval.high),
                "confidence": self._view.formats.share(_CONFIDENCE),
            }
        chart = interval_chart(interval, write=write, title=title, description=f"{title}: {value}, {bounds}")
        return Estimate(title, value, bounds, chart)


def _row(step: Step, view: PageView) -> StepRow:
    suppressed = [(outcome_words(part.kind, view.texts), part.count) for part in step.parts if part.kind != SENT]
    return StepRow(step.title, sum(part.count for part in step.parts if part.kind == SENT), suppressed)


def _tone(report: "CampaignReport") -> str:
    """Return `good` or `bad` for a clear result in response or, without one there, in revenue."""
    if report.verdict != "difference" or report.response_uplift is None:
        return ""
    response, net = report.response_uplift, report.net_uplift
    if response.low > 0 or response.high < 0:
        return "good" if response.low > 0 else "bad"
    if net is None or net.low is None:
        return ""
    return "good" if float(net.low) > 0 else "bad"


def _has_zero(low: str, high: str) -> bool:
    return float(low) <= 0 <= float(high)


def _step_counts(days: Iterable[Mapping[str, Any]]) -> dict[str, dict[int, Counter[str]]]:
    """Return messages by campaign, step and outcome; step 0 has those that were suppressed as a whole."""
    counts: dict[str, dict[int, Counter[str]]] = {}
    for day in days:
        if "steps" not in day:  # of a worker that did not count them
            continue
        steps = day["steps"]
        for campaign, outcomes in day.get("messages", {}).items():
            by_step = counts.setdefault(campaign, {})
            whole = Counter(outcomes)
            for number, of_step in steps.get(campaign, {}).items():
                by_step.setdefault(int(number), Counter()).update(of_step)
                whole.subtract(of_step)
            by_step.setdefault(0, Counter()).update(+whole)
    return counts
