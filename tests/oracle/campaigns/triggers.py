"""Triggers of campaigns: a birthday, and an overdue order."""

import math
from collections.abc import Iterator
from datetime import date, datetime
from fractions import Fraction
from itertools import pairwise
from statistics import median

from tests.oracle.campaigns.campaigns_file import Campaign, Campaigns
from tests.oracle.campaigns.entry_causes import EntryCause
from tests.oracle.campaigns.quiet_hours import start_of_day, wall_clock, zone
from tests.oracle.customers.history import History

LAST_GAPS = 12
LAST_YEAR = 9998


def causes_after(history: History, customer_id: str, file: Campaigns | None, after: int) -> Iterator[EntryCause]:
    """Yield for each campaign with a trigger its next cause after a moment, by what is known now."""
    for campaign in () if file is None else file.campaigns:
        if file is not None and campaign.trigger == "birthday":
            yield from _birthday(history, customer_id, campaign, file, after)
        elif campaign.trigger == "overdue":
            yield from _overdue(history, customer_id, campaign, after)


def _birthday(
    history: History, customer_id: str, campaign: Campaign, file: Campaigns, after: int
) -> Iterator[EntryCause]:
    """Yield the next local midnight of the customer's birthday; the day of birth itself does not count."""
    birth_date = history.person.fact("birth_date")
    if birth_date is None:
        return
    born, zone_info = date.fromisoformat(birth_date), zone(file.zone_of(history.person.fact("timezone")))
    this_year = wall_clock(after, zone_info).year
    for year in range(max(this_year, born.year + 1), min(this_year, LAST_YEAR) + 3):
        at = start_of_day(_in_year(born, year), zone_info)
        if at > after:
            yield EntryCause(customer_id, at, f"b{year}", trigger="birthday", campaign=campaign.name)
            return


def _in_year(born: date, year: int) -> datetime:
    """Return the birthday in a year; 29 February becomes 1 March in other years."""
    try:
        return datetime(year, born.month, born.day)  # noqa: DTZ001 - a wall clock
    except ValueError:
        return datetime(year, 3, 1)  # noqa: DTZ001 - a wall clock


def _overdue(history: History, customer_id: str, campaign: Campaign, after: int) -> Iterator[EntryCause]:
    """Yield when the time since the last order exceeds a multiple of the usual gap of the orders remembered then."""
    last, start = history.last_order_at(), after
    while last is not None:
        remembered = [order for order in history.kept_orders() if start < history.remembered_until(order)]
        gap = _usual_gap([order.occurred_at for order in remembered])
        if gap is None:
            return
        end = min(history.remembered_until(order) for order in remembered)
        at = last + math.ceil(Fraction(campaign.overdue or 0) * gap)
        if gap > 0 and max(start, after + 1) <= at < end:
            tag = f"o{history.lifetime_orders()}"
            yield EntryCause(customer_id, at, tag, trigger="overdue", campaign=campaign.name)
            return
        start = end


def _usual_gap(ordered_at: list[int]) -> Fraction | None:
    """Return the median of the last twelve gaps."""
    gaps = [later - earlier for earlier, later in pairwise(sorted(ordered_at))][-LAST_GAPS:]
    return median([Fraction(gap) for gap in gaps]) if gaps else None
