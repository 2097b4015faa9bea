"""Forecast a customer's segment: its next change through time alone, and the least that leads to a better segment.

The policy's order of segments is from best to worst; `potential` is the worst. A forecast is as of the customer's last
evaluation and by the policy of that evaluation. It uses the same due moments as `state.customer.orders` and
`state.config.ruleset`: recency drops at its thresholds, orders and refunds leave the window.
"""

from bisect import bisect_right
from collections.abc import Iterator
from heapq import merge
from typing import Final, NamedTuple

from state.config.policy import Policy
from state.config.ruleset import Ruleset
from state.customer.packed_orders import packed_expiries
from state.customer.profile import Profile
from state.customer.profile_schema import StoredForecast
from state.customer.traits import usual_gap
from state.units.timestamps import NEVER

MAX_EXPIRIES: Final = 10_000
"""Expiries that are examined for a `StoredForecast`; this takes about a millisecond."""

_Expiry = tuple[int, int, int]
"""When something leaves the window, and the number and sum of the orders that leave."""


class NextDrop(NamedTuple):
    """When time alone changes the segment, and to which; usually, but not always, a worse one."""

    at: int
    to: str


class NextRise(NamedTuple):
    """The least that leads to a better segment.

    Attributes:
        to: The better segment.
        orders: Number of further orders; None if one is enough and only its amount matters.
        spend: Revenue that is needed from these orders together, in minor units; None if any amounts are enough.
    """

    to: str
    orders: int | None
    spend: int | None


class SegmentForecast:
    """Forecasts for customers who were evaluated by the same policy.

    Results of `next_rise` are cached for customers with the same scores.
    """

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._rules = Ruleset(policy, None)
        self._ranks = {name: rank for rank, name in enumerate(policy.segment_names)}
        self._orders_max = sorted({rule.orders_max for rule in policy.rules if rule.orders_max is not None})
        self._lifetime_limit = max(self._orders_max, default=0) + 1
        self._rises: dict[tuple[str, int, int, int], NextRise | None] = {}

    def next_drop(self, profile: Profile, max_expiries: int = NEVER) -> NextDrop | None:
        """Return when time alone next changes the segment; None if it never does.

        Args:
            profile: The customer, with all orders.
            max_expiries: Number of expiries to examine; None is returned if the change is not among them.
        """
        last = profile.last_order_at
        if last is None:
            return None
        frequency, monetary, evaluated_at = profile.frequency, profile.monetary, profile.evaluated_at
        edges = iter([last + edge for edge in self.policy.recency_edges_ms if last + edge > evaluated_at])
        edge_at = next(edges, NEVER)
        expiries = _expiries(profile, self.policy.window_ms)
        expiry_at, orders, net = next(expiries, _NOTHING)
        min_orders, min_net, end_net = self._score_bounds(frequency, monetary)
        while (at := min(edge_at, expiry_at)) < NEVER and max_expiries > 0:
            while expiry_at <= at:
                frequency -= orders
                monetary -= net
                expiry_at, orders, net = next(expiries, _NOTHING)
                max_expiries -= 1
            if edge_at == at:
                edge_at = next(edges, NEVER)
            elif frequency >= min_orders and min_net <= monetary < end_net:
                continue
            to = self._rules.cell_and_segment(at - last, frequency, monetary, profile.lifetime_orders)[1]
            if to != profile.segment:
                return NextDrop(at, to)
            min_orders, min_net, end_net = self._score_bounds(frequency, monetary)
        return None

    def next_rise(self, profile: Profile) -> NextRise | None:
        """Return the least that leads to a better segment before time changes anything; None if nothing does."""
        monetary = profile.monetary
        key = (
            profile.segment,
            min(profile.frequency, self.policy.frequency_edges[-1]),
            bisect_right(self.policy.monetary_edges_minor, monetary) + 1,
            min(profile.lifetime_orders, self._lifetime_limit),
        )
        if key in self._rises:
            rise = self._rises[key]
        else:
            rise = self._rises[key] = self._find_rise(*key)
        if rise is None or rise.spend is None:
            return rise
        return NextRise(rise.to, rise.orders, self.policy.monetary_edges_minor[rise.spend] - monetary)

    def stored_forecast(self, profile: Profile) -> StoredForecast:
        """Return what is stored with a long history."""
        drop = self.next_drop(profile, MAX_EXPIRIES)
        gap = usual_gap(profile, self.policy.window_ms)
        return StoredForecast(None, "", gap) if drop is None else StoredForecast(drop.at, drop.to, gap)

    def _score_bounds(self, frequency: int, monetary: int) -> tuple[int, int, int]:
        """Return the bounds within which the scores stay: minimum of orders, minimum and (exclusive) end of net."""
        frequencies, sums = self.policy.frequency_edges, self.policy.monetary_edges_minor
        f, m = bisect_right(frequencies, frequency), bisect_right(sums, monetary)
        return frequencies[f - 1] if f else -1, sums[m - 1] if m else -NEVER, sums[m] if m < len(sums) else NEVER

    def _find_rise(self, segment: str, frequency: int, m: int, lifetime: int) -> NextRise | None:
        """Return `next_rise` for all customers with these scores; `spend` is the index of the threshold to reach."""
        rank = self._ranks.get(segment, 0)
        numbers = sorted(
            {1}
            | {edge - frequency for edge in self.policy.frequency_edges if edge > frequency}
            | {maximum + 1 - lifetime for maximum in self._orders_max if maximum >= lifetime}
        )
        sums = self.policy.monetary_edges_minor  # two may be equal after rounding; the score between them never occurs
        same, more = [m], [score for score in range(m + 1, len(sums) + 2) if sums[score - 2] not in sums[score - 1 :]]
        for counts, scores in ((numbers[:1], same), (numbers[:1], more), (numbers[1:], same), (numbers[1:], more)):
            for count in counts:
                for score in scores:
                    to = self._rules.segment_of(
                        len(self.policy.recency_edges_ms) + 1,
                        bisect_right(self.policy.frequency_edges, frequency + count) + 1,
                        score,
                        lifetime + count,
                    )
                    if self._ranks[to] < rank:
                        edge = score - 2 if score > m else None
                        return NextRise(to, count if edge is None or count > 1 else None, edge)
        return None


_NOTHING: Final[_Expiry] = (NEVER, 0, 0)


def _expiries(profile: Profile, window_ms: int) -> Iterator[_Expiry]:
    """Return what leaves the window, in order."""
    if profile.packed_orders:
        return packed_expiries(profile, window_ms)
    orders = (
        (order.at + window_ms, 1, order.net)
        for order in (profile.orders[place] for place in range(profile.expired_count, len(profile.orders)))
        if not order.fully_refunded
    )
    if profile.refunds is None or not profile.refunds.unlinked:
        return orders
    return merge(orders, ((refund.at + window_ms, 0, -refund.amount) for refund in profile.refunds.unlinked))
