"""Compute the traits of a customer: averages, discount seeking, places, order rhythm, birthday.

All traits are as of the customer's last evaluation. Times are milliseconds since the epoch.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil
from typing import Final

from state.config.policy import Policy
from state.config.ruleset import Ruleset
from state.customer.contact_profile import signup_fact
from state.customer.packed_orders import last_packed_orders, last_packed_times
from state.customer.profile import Profile
from state.customer.retention import forget_order_at
from state.records.events import OrderPlaced
from state.units.time_zones import first_moment, load_zone, local_time
from state.units.timestamps import NEVER

MIN_ORDERS: Final = 3
"""A customer with fewer orders is neither a discount seeker nor difficult: there is too little data."""
RECENT_GAPS: Final = 12
"""The usual gap is the median of this many last gaps."""
MAX_PLACES: Final = 64
"""Stores, and channels, that are counted per customer: the first ones that they bought in."""
MAX_PLACE_LENGTH: Final = 128
"""Stores and channels with longer names are not counted."""
DIFFICULT_TENTHS: Final = 3
"""A customer is difficult if this many in ten of their orders have a refund."""
_NEAR: Final = 0.001
_LAST_YEAR: Final = 9998


def average_check(profile: Profile) -> int:
    """Return the average order value: lifetime net revenue by lifetime orders, in minor units, rounded half to even.

    0 without orders.
    """
    orders = profile.lifetime_orders
    if orders <= 0:
        return 0
    whole, rest = divmod(profile.lifetime_net, orders)
    return whole + (1 if 2 * rest > orders or (2 * rest == orders and whole % 2) else 0)


def discount_share(profile: Profile) -> float:
    """Return 0.2 x discounted orders / orders + 0.8 x discounts / (net + discounts), rounded half to even to 4 digits.

    All are lifetime sums. A quotient whose denominator is not positive is 0.
    """
    if not profile.discounts and not profile.discounted_orders:
        return 0.0
    share = Fraction(0)
    if profile.lifetime_orders > 0:
        share += Fraction(2 * profile.discounted_orders, 10 * profile.lifetime_orders)
    if profile.lifetime_net + profile.discounts > 0:
        share += Fraction(8 * profile.discounts, 10 * (profile.lifetime_net + profile.discounts))
    return float(round(share, 4))


def is_discount_seeker(profile: Profile, policy: Policy) -> bool:
    """Whether the discount share, with 3 lifetime orders or more, is at least that of the policy (0.5 by default)."""
    discounts, orders, net = profile.discounts, profile.lifetime_orders, profile.lifetime_net
    if not discounts or orders < MIN_ORDERS:
        return False
    estimate = 0.2 * profile.discounted_orders / orders + (
        0.8 * discounts / (net + discounts) if net + discounts > 0 else 0
    )
    if abs(estimate - policy.seeker_share) > _NEAR:  # the exact share costs as much as writing a row to Redis
        return estimate > policy.seeker_share
    return discount_share(profile) >= policy.seeker_share


def is_difficult(profile: Profile) -> bool:
    """Whether, of 3 or more orders ever placed, at least three in ten have a refund.

    Fully refunded orders are included. A refund counts for its order once both have arrived. Refunds that name no order
    or one that is no longer remembered do not count.
    """
    placed = profile.lifetime_orders + profile.returned_orders
    return placed >= MIN_ORDERS and 10 * profile.refunded_orders >= DIFFICULT_TENTHS * placed


def count_places(profile: Profile, order: OrderPlaced) -> None:
    """Count the store and the channel of a purchase; refunds do not change the counts."""
    if order.store_id is not None:
        profile.stores = _with_one_more(profile.stores, order.store_id)
    if order.channel is not None:
        profile.channels = _with_one_more(profile.channels, order.channel)


def _with_one_more(counts: dict[str, int] | None, name: str) -> dict[str, int] | None:
    if counts is None:
        return {name: 1} if len(name) <= MAX_PLACE_LENGTH else None
    count = counts.get(name)
    if count is not None:
        counts[name] = count + 1
    elif len(counts) < MAX_PLACES and len(name) <= MAX_PLACE_LENGTH:
        counts[name] = 1
    return counts


def most_frequent(counts: Mapping[str, int] | None) -> str | None:
    """Return the name with the most purchases, of equals the first in alphabetical order; None without any."""
    if not counts:
        return None
    maximum = max(counts.values())
    return min(name for name, count in counts.items() if count == maximum)


def referrals(profile: Profile) -> int:
    """Return the number of signups that named this customer as the referrer."""
    return 0 if profile.contact_profile is None else profile.contact_profile.referrals


def usual_gap(profile: Profile, window_ms: int) -> int | None:
    """Return the median of the last 12 gaps between remembered orders that are not fully refunded, in ms, truncated.

    Orders at the same moment have a gap of 0. None with fewer than two orders.
    """
    if profile.packed_orders:
        twice = _twice_median_gap(last_packed_times(profile, profile.evaluated_at, window_ms, RECENT_GAPS + 1))
    else:
        twice = _twice_median_gap([at for at, _ in _remembered(profile, profile.evaluated_at, window_ms)])
    return None if twice is None else twice // 2


def overdue_ratio(gap: int | Fraction | None, last_order_at: int | None, moment: int) -> Fraction | None:
    """Return the time since the last order as a multiple of the usual gap; None without a gap, or if it is 0."""
    return None if not gap or last_order_at is None else Fraction(moment - last_order_at, gap)


def overdue_at(profile: Profile, multiple: Decimal, rules: Ruleset, after: int = 0) -> int | None:
    """Return when the time since the last order reaches a multiple of the usual gap; None if it never does.

    The gap is the exact one of the orders that will be remembered then, if no other order arrives.

    Args:
        profile: The customer.
        multiple: The multiple of the usual gap.
        rules: The active rules.
        after: The earliest result, if it is later than the last evaluation.
    """
    window_ms, last, start = rules.window_ms, profile.last_order_at, max(profile.evaluated_at, after)
    while last is not None:
        remembered = _remembered(profile, start, window_ms)
        end = min((forget_at for _, forget_at in remembered), default=NEVER)
        twice = _twice_median_gap([at for at, _ in remembered])
        if twice is None:
            break
        at = last + ceil(Fraction(multiple) * twice / 2)
        if twice and start <= at < end:
            return at
        start = end
    return None


def _remembered(profile: Profile, as_of: int, window_ms: int) -> list[tuple[int, int]]:
    """Return the last orders that are remembered at `as_of`, latest first: time, and time of being forgotten.

    An order that is forgotten but not yet removed is not included.
    """
    if profile.packed_orders:
        return last_packed_orders(profile, as_of, window_ms, RECENT_GAPS + 1)
    found: list[tuple[int, int]] = []
    for order in reversed(profile.orders):
        forget_at = forget_order_at(order, window_ms)
        if forget_at > as_of and not order.fully_refunded:
            found.append((order.at, forget_at))
            if len(found) > RECENT_GAPS:
                break
    return found


def _twice_median_gap(latest_first: list[int]) -> int | None:
    """Return twice the median of the gaps between times, which is an integer; None with fewer than two times."""
    gaps = sorted([later - earlier for later, earlier in pairwise(latest_first)])
    if not gaps:
        return None
    middle = len(gaps) // 2
    return 2 * gaps[middle] if len(gaps) % 2 else gaps[middle - 1] + gaps[middle]


def birthday_at(profile: Profile, after_ms: int, default_zone: str) -> tuple[int, int] | None:
    """Return when the customer's next birthday begins, strictly after a moment, and its year; None if it is unknown.

    It begins at midnight in the customer's time zone, otherwise the default one; if clocks skip midnight, at the first
    moment after. A birthday on 29 February is on 1 March in other years. The day of birth itself is not a birthday.
    """
    birth_date = signup_fact(profile, "birth_date")
    if birth_date is None:
        return None
    born = date.fromisoformat(birth_date)
    at = load_zone(signup_fact(profile, "timezone"), default_zone)
    year = max(local_time(at, after_ms).year, born.year + 1)
    while year <= _LAST_YEAR:
        start = first_moment(at, _birthday(born, year), doubled="earlier")
        if start > after_ms:
            return start, year
        year += 1
    return None


def _birthday(born: date, year: int) -> datetime:
    try:
        return datetime(year, born.month, born.day)  # noqa: DTZ001 - a local midnight, in the customer's zone
    except ValueError:
        return datetime(year, 3, 1)  # noqa: DTZ001 - likewise
