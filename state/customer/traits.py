"""What a customer is like, beyond the cell: how they buy, where, how often, and when something of theirs comes round.

Everything is as of the customer's last judgement. Moments are milliseconds since the epoch.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from math import ceil

from state.config.policy import Policy
from state.config.ruleset import Ruleset
from state.customer.contact_profile import signup_fact
from state.customer.packed_orders import last_packed_orders, last_packed_times
from state.customer.profile import Profile
from state.customer.retention import forget_order_at
from state.records.events import OrderPlaced
from state.units.time_zones import first_moment, load_zone, local_time
from state.units.timestamps import NEVER

MIN_ORDERS = 3
"""Who has placed fewer is neither a discount seeker nor difficult: so little tells nothing."""
RECENT_GAPS = 12
"""The usual gap is the median of so many last ones."""
MAX_PLACES = 64
"""Stores, and channels, that are counted for a customer: the first so many that they bought in."""
MAX_PLACE_LENGTH = 128
"""Longer names of stores and channels are not counted."""
DIFFICULT_TENTHS = 3
"""Of ten orders, so many of which something went back make a customer difficult."""
_NEAR = 0.001
_LAST_YEAR = 9998


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
    """Whether, of 3 lifetime orders or more, so much is due to discounts as the policy says: half, by default."""
    discounts, orders, net = profile.discounts, profile.lifetime_orders, profile.lifetime_net
    if not discounts or orders < MIN_ORDERS:
        return False
    about = 0.2 * profile.discounted_orders / orders + (
        0.8 * discounts / (net + discounts) if net + discounts > 0 else 0
    )
    if abs(about - policy.seeker_share) > _NEAR:  # exact sums cost as much as a row of Redis
        return about > policy.seeker_share
    return discount_share(profile) >= policy.seeker_share


def is_difficult(profile: Profile) -> bool:
    """Whether, of 3 orders or more that were ever placed, something of at least three in ten went back.

    Fully refunded orders are among them. A refund counts for its order as soon as both are there; one that names no
    order counts for none, nor does one whose order is no longer remembered.
    """
    placed = profile.lifetime_orders + profile.returned_orders
    return placed >= MIN_ORDERS and 10 * profile.refunded_orders >= DIFFICULT_TENTHS * placed


def count_places(profile: Profile, order: OrderPlaced) -> None:
    """Counts where a purchase was made; refunds do not take it back."""
    if order.store_id is not None:
        profile.stores = _counted(profile.stores, order.store_id)
    if order.channel is not None:
        profile.channels = _counted(profile.channels, order.channel)


def _counted(counts: dict[str, int] | None, name: str) -> dict[str, int] | None:
    if counts is None:
        counts = {}
    if name in counts:
        counts[name] += 1
    elif len(counts) < MAX_PLACES and len(name) <= MAX_PLACE_LENGTH:
        counts[name] = 1
    return counts or None


def most_frequent(counts: Mapping[str, int] | None) -> str | None:
    """The name with the most purchases, of equals the smaller one; None without any."""
    if not counts:
        return None
    most = max(counts.values())
    return min(name for name, count in counts.items() if count == most)


def referrals(profile: Profile) -> int:
    """How many signups have named this customer as the one who brought them."""
    return 0 if profile.contact_profile is None else profile.contact_profile.referrals


def usual_gap(profile: Profile, window_ms: int) -> int | None:
    """The median of the last 12 gaps between orders that are remembered and not fully refunded, in ms, cut.

    Orders at the same moment have a gap of nothing between them. None with fewer than two orders.
    """
    if profile.packed_orders:
        twice = _twice_median_gap(last_packed_times(profile, profile.evaluated_at, window_ms, RECENT_GAPS + 1))
    else:
        twice = _twice_median_gap([at for at, _ in _remembered(profile, profile.evaluated_at, window_ms)])
    return None if twice is None else twice // 2


def overdue_ratio(gap: int | Fraction | None, last_order_at: int | None, moment: int) -> Fraction | None:
    """The time since the last order at a moment, as a multiple of the usual gap; None where there is no such gap."""
    return None if not gap or last_order_at is None else Fraction(moment - last_order_at, gap)


def overdue_at(profile: Profile, multiple: Decimal, rules: Ruleset, after: int = 0) -> int | None:
    """When the time since the last order comes to a multiple of the usual gap, from the last judgement or `after` on.

    The gap is that of the orders which will be remembered then, if none comes meanwhile; it is not cut. None if it
    never does.
    """
    window_ms, last, begin = rules.window_ms, profile.last_order_at, max(profile.evaluated_at, after)
    while last is not None:
        remembered = _remembered(profile, begin, window_ms)
        end = min((forget_at for _, forget_at in remembered), default=NEVER)
        twice = _twice_median_gap([at for at, _ in remembered])
        if twice is None:
            break
        at = last + ceil(Fraction(multiple) * twice / 2)
        if twice and begin <= at < end:
            return at
        begin = end
    return None


def _remembered(profile: Profile, moment: int, window_ms: int) -> list[tuple[int, int]]:
    """The last orders that are remembered at a moment, latest first, each with when it may be forgotten.

    An order counts until it may be forgotten, whether or not it has been swept out since.
    """
    if profile.packed_orders:
        return last_packed_orders(profile, moment, window_ms, RECENT_GAPS + 1)
    found: list[tuple[int, int]] = []
    for order in reversed(profile.orders):
        forget_at = forget_order_at(order, window_ms)
        if forget_at > moment and not order.fully_refunded:
            found.append((order.at, forget_at))
            if len(found) > RECENT_GAPS:
                break
    return found


def _twice_median_gap(latest_first: list[int]) -> int | None:
    """The median of the gaps between moments, in halves of a millisecond."""
    gaps = sorted([later - earlier for later, earlier in pairwise(latest_first)])
    if not gaps:
        return None
    middle = len(gaps) // 2
    return 2 * gaps[middle] if len(gaps) % 2 else gaps[middle - 1] + gaps[middle]


def birthday_at(profile: Profile, after_ms: int, default_zone: str) -> tuple[int, int] | None:
    """When the customer's next birthday begins, strictly after a moment, and its year; None if it is not known.

    It begins at midnight in the customer's time zone, or in the default one; where clocks are set forward at midnight,
    at the first moment after. Who was born on 29 February has it on 1 March in other years. The day of birth is none.
    """
    written = signup_fact(profile, "birth_date")
    if written is None:
        return None
    born = date.fromisoformat(written)
    at = load_zone(signup_fact(profile, "timezone"), default_zone)
    year = max(local_time(at, after_ms).year, born.year + 1)
    while year <= _LAST_YEAR:
        begins = first_moment(at, _birthday(born, year), doubled="earlier")
        if begins > after_ms:
            return begins, year
        year += 1
    return None


def _birthday(born: date, year: int) -> datetime:
    try:
        return datetime(year, born.month, born.day)  # noqa: DTZ001 - a local midnight, in the customer's zone
    except ValueError:
        return datetime(year, 3, 1)  # noqa: DTZ001 - likewise
