"""What each campaign brought, as numbers and as a verdict in words: a pure function of sums."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Final, Literal

import msgspec

from agents.reporting.sums import OutcomeSums, Sums
from agents.reporting.uplift import (
    CONFIDENCE,
    POINTS,
    Uplift,
    held_back_needed,
    net_of,
    net_uplift,
    response_of,
    response_uplift,
)
from state.records.reasons import Group
from state.units.currencies import DIGITS
from state.units.money import format_minor

FEWEST: Final = 30
"""Heads in a group below which nothing is claimed: revenue per head is far from normal, one large order decides."""

Verdict = Literal["nobody treated", "nobody held back", "too small", "no difference", "difference"]


class Brought(msgspec.Struct, frozen=True):
    """What a group did: each head is one beginning of the campaign, `customers` are who they were.

    Attributes:
        responded: heads with at least one order; `response` is their share, null without heads.
        net_per_head: net revenue in major units, null without heads.
    """

    heads: int
    customers: int
    responded: int
    response: float | None
    net: str
    net_per_head: str | None


class Shares(msgspec.Struct, frozen=True):
    """A difference of shares and its interval."""

    value: float
    low: float
    high: float


class Money(msgspec.Struct, frozen=True):
    """A sum in major units and its interval; without bounds where a group has one customer only."""

    value: str
    low: str | None
    high: str | None


class Ratio(msgspec.Struct, frozen=True):
    """A ratio and its interval; without bounds where a group has one customer only."""

    value: float
    low: float | None
    high: float | None


class CampaignReport(msgspec.Struct, frozen=True):
    """What one campaign brought.

    Attributes:
        begun: heads by group.
        held_back: holdout and control together.
        response_uplift: treated less held back, as a share; `net_uplift` per head. Null where either group is empty.
        incremental_revenue: the uplift per head for all treated heads.
        roi: (incremental revenue - cost) / cost; null where nothing was spent.
        held_back_needed: how many heads should be held back to tell an uplift of 5 points in response with a power of
            80 %; null where nobody was treated. More treated heads are needed too where `treated_needed` is not null.
        words: the verdict as a marketer is told it.
    """

    campaign: str
    begun: dict[str, int]
    sent: int
    opened: int
    clicked: int
    redeemed: int
    cost: str
    treated: Brought
    held_back: Brought
    response_uplift: Shares | None
    net_uplift: Money | None
    incremental_revenue: Money | None
    roi: Ratio | None
    held_back_needed: int | None
    treated_needed: int | None
    verdict: Verdict
    words: str


class Report(msgspec.Struct, frozen=True):
    """What all campaigns brought; `first` and `last` are the days (UTC) on which something told here began."""

    currency: str
    first: str
    last: str
    confidence: float
    repeats: int
    campaigns: list[CampaignReport]


def report_of(summed: OutcomeSums) -> Report:
    """The report of all that was summed, campaigns by name; there must be an outcome."""
    assert summed.currency is not None
    digits = DIGITS[summed.currency]
    return Report(
        currency=summed.currency,
        first=summed.first,
        last=summed.last,
        confidence=CONFIDENCE,
        repeats=summed.repeats,
        campaigns=[_of_campaign(name, summed.sums[name], digits) for name in sorted(summed.sums)],
    )


def _of_campaign(name: str, groups: Mapping[str, Sums], digits: int) -> CampaignReport:
    treated, held_back = groups[Group.TREATED], groups[Group.HOLDOUT] + groups[Group.CONTROL]
    spent = sum(group.cost for group in groups.values())
    response, net = None, None
    is_compared = bool(treated.heads and held_back.heads)
    if is_compared:
        response, net = response_uplift(treated, held_back), net_uplift(treated, held_back)
    exact = net_of(treated) - net_of(held_back) if is_compared else None
    needed, is_enough = held_back_needed(treated, held_back) if treated.heads else (None, True)
    verdict = _verdict(treated, held_back, response, net)
    return CampaignReport(
        campaign=name,
        begun={group: sums.heads for group, sums in groups.items()},
        sent=sum(group.sent for group in groups.values()),
        opened=sum(group.opened for group in groups.values()),
        clicked=sum(group.clicked for group in groups.values()),
        redeemed=sum(group.redeemed for group in groups.values()),
        cost=format_minor(spent, digits),
        treated=_brought(treated, digits),
        held_back=_brought(held_back, digits),
        response_uplift=Shares(*map(_rounded, (response.value, response.low, response.high))) if response else None,
        net_uplift=_money(exact, net, 1, digits),
        incremental_revenue=_money(exact, net, treated.heads, digits),
        roi=_roi(exact, net, treated.heads, spent),
        held_back_needed=needed,
        treated_needed=None if is_enough else needed,
        verdict=verdict,
        words=_words(verdict, held_back.heads, response, net, needed, is_enough=is_enough),
    )


def _brought(group: Sums, digits: int) -> Brought:
    return Brought(
        heads=group.heads,
        customers=group.customers,
        responded=group.responded,
        response=_rounded(float(response_of(group))) if group.heads else None,
        net=format_minor(group.net, digits),
        net_per_head=format_minor(round(net_of(group)), digits) if group.heads else None,
    )


def _money(exact: Fraction | None, net: Uplift | None, heads: int, digits: int) -> Money | None:
    """So many times the uplift per head; rounded once, half to even."""
    if exact is None:
        return None
    low, high = (format_minor(round(bound * heads), digits) for bound in (net.low, net.high)) if net else (None, None)
    return Money(format_minor(round(exact * heads), digits), low, high)


def _roi(exact: Fraction | None, net: Uplift | None, heads: int, spent: int) -> Ratio | None:
    if exact is None or spent <= 0:
        return None
    low, high = (_rounded((bound * heads - spent) / spent) for bound in (net.low, net.high)) if net else (None, None)
    return Ratio(_rounded(float((exact * heads - spent) / spent)), low, high)


def _rounded(ratio: float) -> float:
    return round(ratio, 4) + 0.0  # no -0.0


def _verdict(treated: Sums, held_back: Sums, response: Uplift | None, net: Uplift | None) -> Verdict:
    if not treated.heads:
        return "nobody treated"
    if not held_back.heads:
        return "nobody held back"
    if min(treated.heads, held_back.heads, treated.customers, held_back.customers) < FEWEST:
        return "too small"
    return "difference" if any(each is not None and each.is_told for each in (response, net)) else "no difference"


def _words(
    verdict: Verdict,
    held_back: int,
    response: Uplift | None,
    net: Uplift | None,
    needed: int | None,
    *,
    is_enough: bool,
) -> str:
    if verdict == "nobody treated":
        return "Nobody was treated yet: there is nothing to compare."
    enough = "" if needed is None else f"about {_roughly(needed):,}"
    if verdict == "nobody held back":
        return (
            f"Nobody was held back, so what it brought cannot be told: give it a `holdout` ({enough} would be needed)."
        )
    wish = f"{enough}{'' if is_enough else ', and as many treated,'} would tell {POINTS * 100:.0f} points of response"
    if verdict == "too small":
        return f"Too small to tell: {held_back:,} held back; {wish}."
    if verdict == "no difference":
        more = f": {held_back:,} held back; {wish}" if needed is not None and needed > held_back else ""
        return f"No difference can be told{more}."
    return f"{_told('response', response)}, {_told('revenue', net)}.".capitalize()


def _roughly(count: int) -> int:
    """To two digits: more would promise what an estimate cannot hold."""
    return round(count, 2 - len(str(count)))


def _told(what: str, uplift: Uplift | None) -> str:
    if uplift is None or not uplift.is_told:
        return f"no difference in {what} can be told"
    return f"more {what}" if uplift.low > 0 else f"less {what}"
