"""Build the campaign report from sums: figures for each group, estimates with intervals, and a verdict.

The names of fields in JSON, given by `msgspec.field(name=...)` where they differ from the attribute, are a public
format.
"""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final

import msgspec

from agents.reporting.outcome_sums import GroupSums, OutcomeSums
from agents.reporting.uplift import (
    CONFIDENCE,
    Uplift,
    comparison_size_needed,
    net_per_entry,
    net_uplift,
    response_rate,
    response_uplift,
)
from agents.reporting.verdict import Verdict, conclusion_text, verdict_of
from state.records.reasons import Group
from state.units.currencies import DIGITS
from state.units.money import format_minor

CONTACTS: Final = ("opened", "clicked", "redeemed")
"""The kinds of contacts that are counted, as campaign engines report them."""


class GroupResult(msgspec.Struct, frozen=True):
    """What a group did.

    Attributes:
        entries: campaign entries of its `customers`.
        responded: entries with at least one order; `response` is their share, null without entries.
        net_per_entry: net revenue in major units, null without entries.
    """

    entries: int = msgspec.field(name="heads")
    customers: int
    responded: int
    response: float | None
    net: str
    net_per_entry: str | None = msgspec.field(name="net_per_head")


class ShareEstimate(msgspec.Struct, frozen=True):
    """A difference of shares with its interval."""

    value: float
    low: float
    high: float


class MoneyEstimate(msgspec.Struct, frozen=True):
    """An amount in major units with its interval; the bounds are null if a group has a single customer."""

    value: str
    low: str | None
    high: str | None


class RatioEstimate(msgspec.Struct, frozen=True):
    """A ratio with its interval; the bounds are null if a group has a single customer."""

    value: float
    low: float | None
    high: float | None


class CampaignReport(msgspec.Struct, frozen=True):
    """The report of one campaign.

    Attributes:
        entries: campaign entries by group.
        comparison: the holdout group and the control group together.
        response_uplift: treated minus comparison, as a share; `net_uplift` per entry. Null if either group is empty.
        incremental_revenue: the uplift per entry times the treated entries.
        roi: (incremental revenue - cost) / cost; null if nothing was spent.
        comparison_size_needed: entries in the comparison group that would detect an uplift of 5 points in response
            with a power of 80 %; null if nobody was treated. If `treated_needed` is not null, the treated group needs
            as many too.
        conclusion: the verdict as a sentence for marketers.
    """

    campaign: str
    entries: dict[str, int] = msgspec.field(name="begun")
    sent: int
    opened: int
    clicked: int
    redeemed: int
    cost: str
    treated: GroupResult
    comparison: GroupResult = msgspec.field(name="held_back")
    response_uplift: ShareEstimate | None
    net_uplift: MoneyEstimate | None
    incremental_revenue: MoneyEstimate | None
    roi: RatioEstimate | None
    comparison_size_needed: int | None = msgspec.field(name="held_back_needed")
    treated_needed: int | None
    verdict: Verdict
    conclusion: str = msgspec.field(name="words")


class UpliftReport(msgspec.Struct, frozen=True):
    """The report of all campaigns; `first_day` and `last_day` (UTC) are those of the entries in it."""

    currency: str
    first_day: str = msgspec.field(name="first")
    last_day: str = msgspec.field(name="last")
    confidence: float
    repeats: int
    campaigns: list[CampaignReport]

    def contacts_of(self, campaign: CampaignReport) -> dict[str, int | None]:
        """Return a campaign's messages that were opened, clicked and redeemed; None for a kind that is not reported.

        Zero is a measurement if other contacts of the campaign were reported, and that kind for any campaign.
        """
        counts = {kind: _contacts(campaign, kind) for kind in CONTACTS}
        if not any(counts.values()):
            return dict.fromkeys(CONTACTS)
        known = {kind for kind in CONTACTS if any(_contacts(each, kind) for each in self.campaigns)}
        return {kind: count if kind in known else None for kind, count in counts.items()}


def build_report(sums: OutcomeSums) -> UpliftReport:
    """Return the report, campaigns sorted by name; there must be at least one outcome."""
    assert sums.currency is not None
    digits = DIGITS[sums.currency]
    return UpliftReport(
        currency=sums.currency,
        first_day=sums.first_day,
        last_day=sums.last_day,
        confidence=CONFIDENCE,
        repeats=sums.repeats,
        campaigns=[_campaign_report(name, sums.by_campaign[name], digits) for name in sorted(sums.by_campaign)],
    )


def _contacts(campaign: CampaignReport, kind: str) -> int:
    return {"opened": campaign.opened, "clicked": campaign.clicked, "redeemed": campaign.redeemed}[kind]


def _campaign_report(name: str, groups: Mapping[str, GroupSums], digits: int) -> CampaignReport:
    treated, comparison = groups[Group.TREATED], groups[Group.HOLDOUT] + groups[Group.CONTROL]
    cost = sum(group.cost for group in groups.values())
    response, net, exact_net_uplift = None, None, None
    if treated.entries and comparison.entries:
        response, net = response_uplift(treated, comparison), net_uplift(treated, comparison)
        exact_net_uplift = net_per_entry(treated) - net_per_entry(comparison)
    size_needed, is_treated_enough = comparison_size_needed(treated, comparison) if treated.entries else (None, True)
    verdict = verdict_of(treated, comparison, response, net)
    return CampaignReport(
        campaign=name,
        entries={group: sums.entries for group, sums in groups.items()},
        sent=sum(group.sent for group in groups.values()),
        opened=sum(group.opened for group in groups.values()),
        clicked=sum(group.clicked for group in groups.values()),
        redeemed=sum(group.redeemed for group in groups.values()),
        cost=format_minor(cost, digits),
        treated=_group_result(treated, digits),
        comparison=_group_result(comparison, digits),
        response_uplift=(
            ShareEstimate(*map(_round_ratio, (response.value, response.low, response.high))) if response else None
        ),
        net_uplift=_money_estimate(exact_net_uplift, net, 1, digits),
        incremental_revenue=_money_estimate(exact_net_uplift, net, treated.entries, digits),
        roi=_roi(exact_net_uplift, net, treated.entries, cost),
        comparison_size_needed=size_needed,
        treated_needed=None if is_treated_enough else size_needed,
        verdict=verdict,
        conclusion=conclusion_text(
            verdict, comparison.entries, response, net, size_needed, is_treated_enough=is_treated_enough
        ),
    )


def _group_result(group: GroupSums, digits: int) -> GroupResult:
    return GroupResult(
        entries=group.entries,
        customers=group.customers,
        responded=group.responded,
        response=_round_ratio(float(response_rate(group))) if group.entries else None,
        net=format_minor(group.net, digits),
        net_per_entry=format_minor(round(net_per_entry(group)), digits) if group.entries else None,
    )


def _money_estimate(exact: Fraction | None, net: Uplift | None, entries: int, digits: int) -> MoneyEstimate | None:
    """Return the uplift per entry times `entries`, rounded once, half to even."""
    if exact is None:
        return None
    low, high = (format_minor(round(bound * entries), digits) for bound in (net.low, net.high)) if net else (None, None)
    return MoneyEstimate(format_minor(round(exact * entries), digits), low, high)


def _roi(exact: Fraction | None, net: Uplift | None, entries: int, cost: int) -> RatioEstimate | None:
    if exact is None or cost <= 0:
        return None
    low, high = (
        (_round_ratio((bound * entries - cost) / cost) for bound in (net.low, net.high)) if net else (None, None)
    )
    return RatioEstimate(_round_ratio(float((exact * entries - cost) / cost)), low, high)


def _round_ratio(ratio: float) -> float:
    return round(ratio, 4) + 0.0  # no -0.0
