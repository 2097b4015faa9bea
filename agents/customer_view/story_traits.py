"""A customer's traits, as a story shows them: the next segments down and up, habits and preferences."""

import msgspec

from agents.project.customer_row import format_days, format_overdue
from state.config.policy import Policy
from state.customer.profile import Profile
from state.customer.segment_forecast import SegmentForecast
from state.customer.traits import is_difficult, is_discount_seeker, most_frequent, referrals, usual_gap
from state.units.money import format_minor
from state.units.timestamps import format_ms


class NextDown(msgspec.Struct, frozen=True):
    """When time alone changes the segment next, and to which one."""

    at: str
    to: str


class NextUp(msgspec.Struct, frozen=True, omit_defaults=True):
    """The minimum that leads to a better segment.

    Either so many orders, or one order of such a sum, or so many orders of such a sum in total.
    """

    to: str
    orders: int | None = None
    spend: str | None = None


class Traits(msgspec.Struct, frozen=True):
    """A customer's traits; money in major units.

    Attributes:
        referrals: signups that named this customer as the referrer.
        order_gap_days: the usual time between two orders; null with fewer than two.
        overdue: the time since the last order as a multiple of the usual gap, as of the story.
    """

    next_down: NextDown | None
    next_up: NextUp | None
    discount_seeker: bool
    difficult: bool
    favourite_store: str | None
    favourite_channel: str | None
    referrals: int
    order_gap_days: str | None
    overdue: str | None


def read_traits(profile: Profile, policy: Policy, as_of_ms: int) -> Traits:
    """Return the traits by the active policy, as of a moment up to which nothing more is due."""
    forecast = SegmentForecast(policy)
    down, up = forecast.next_drop(profile), forecast.next_rise(profile)
    gap = usual_gap(profile, policy.window_ms)
    next_up = None
    if up is not None:
        next_up = NextUp(up.to, up.orders, None if up.spend is None else format_minor(up.spend, policy.digits))
    return Traits(
        next_down=None if down is None else NextDown(format_ms(down.at), down.to),
        next_up=next_up,
        discount_seeker=is_discount_seeker(profile, policy),
        difficult=is_difficult(profile),
        favourite_store=most_frequent(profile.stores),
        favourite_channel=most_frequent(profile.channels),
        referrals=referrals(profile),
        order_gap_days=None if gap is None else format_days(gap),
        overdue=format_overdue(gap, profile.last_order_at, as_of_ms) or None,
    )
