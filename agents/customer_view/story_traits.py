"""What a customer is like, as a story tells it: what comes of time, what would bring a better segment, and habits."""

from collections.abc import Iterator

import msgspec

from agents.project.customer_row import gap_days, overdue_words
from state.config.policy import Policy
from state.customer.profile import Profile
from state.customer.segment_forecast import SegmentForecast
from state.customer.traits import favourite, is_difficult, is_discount_seeker, referrals, usual_gap
from state.units.money import format_minor
from state.units.timestamps import format_ms


class DropStory(msgspec.Struct, frozen=True):
    """When time alone changes the segment next, and to what."""

    at: str
    to: str


class RiseStory(msgspec.Struct, frozen=True, omit_defaults=True):
    """The least that brings a better segment: so many orders, so much in one, or so many that bring so much in all."""

    to: str
    orders: int | None = None
    spend: str | None = None


class Traits(msgspec.Struct, frozen=True):
    """What a customer is like; money in major units.

    Attributes:
        referrals: signups that named them as the one who brought the customer.
        order_gap_days: the usual time between two orders; None with fewer than two.
        overdue: the time since the last order as a multiple of it, as of the story.
    """

    next_down: DropStory | None
    next_up: RiseStory | None
    discount_seeker: bool
    difficult: bool
    favourite_store: str | None
    favourite_channel: str | None
    referrals: int
    order_gap_days: str | None
    overdue: str | None


def read_traits(profile: Profile, policy: Policy, as_of_ms: int) -> Traits:
    """The traits of a customer, by the policy in force, as of a moment before which nothing more is due."""
    prospects = SegmentForecast(policy)
    down, up = prospects.next_down(profile), prospects.next_up(profile)
    gap = usual_gap(profile, policy.window_ms)
    way = None
    if up is not None:
        way = RiseStory(up.to, up.orders, None if up.spend is None else format_minor(up.spend, policy.digits))
    return Traits(
        next_down=None if down is None else DropStory(format_ms(down.at), down.to),
        next_up=way,
        discount_seeker=is_discount_seeker(profile, policy),
        difficult=is_difficult(profile),
        favourite_store=favourite(profile.stores),
        favourite_channel=favourite(profile.channels),
        referrals=referrals(profile),
        order_gap_days=None if gap is None else gap_days(gap),
        overdue=overdue_words(gap, profile.last_order_at, as_of_ms) or None,
    )


def traits_text(traits: Traits, currency: str) -> Iterator[tuple[str, str]]:
    """What there is to say, each with what it is about."""
    if traits.next_up is not None:
        yield "better", f"{traits.next_up.to} by {_way_in_words(traits.next_up, currency)}"
    if traits.order_gap_days is not None:
        overdue = "" if traits.overdue is None else f"; {traits.overdue} times that since the last"
        yield "habit", f"as a rule {traits.order_gap_days} days between orders{overdue}"
    favourites = ("store", traits.favourite_store), ("channel", traits.favourite_channel)
    bought = [f"{what} {name}" for what, name in favourites if name is not None]
    if bought:
        yield "buys mostly", ", ".join(bought)
    traits_of = ("seeks discounts", traits.discount_seeker), ("difficult: gives much back", traits.difficult)
    said = [words for words, is_so in traits_of if is_so]
    if said:
        yield "traits", "; ".join(said)
    if traits.referrals:
        yield "referrals", f"{traits.referrals} brought"


def _way_in_words(way: RiseStory, currency: str) -> str:
    orders = "one more order" if way.orders in (None, 1) else f"{way.orders} more orders"
    if way.spend is None:
        return f"{orders} of any size"
    return f"{orders} of {way.spend} {currency}{'' if way.orders in (None, 1) else ' in all'}"
