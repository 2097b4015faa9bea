"""What may come of a customer: what time alone does to them next, and the least that would bring a better segment.

Segments are better in the order of the policy; `potential` is worse than all of them. Everything is as of the last
judgement of the customer, and by the policy by which that was. What time does follows from the same moments as
`state.customer.orders` and `state.config.ruleset` have, without letting it go by: recency falls at its edges, orders
and refunds leave the window.
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

FORESEEN_ORDERS: Final = 10_000
"""Orders leaving the window that are looked through for an `StoredForecast`; a millisecond's work."""

_Leave = tuple[int, int, int]
"""A moment at which something leaves the window, the orders and the sum that leave."""


class NextDrop(NamedTuple):
    """When time alone changes the segment, and to what; as a rule, but not always, a worse one."""

    at: int
    to: str


class NextRise(NamedTuple):
    """The least that brings a better segment, and which one.

    Either so many more orders, of any size (`orders`); or one that brings this much (`spend`, in minor units); or,
    where neither will do, so many that bring this much together.
    """

    to: str
    orders: int | None
    spend: int | None


class SegmentForecast:
    """What may come of customers who are judged by one policy.

    What brings a better segment is worked out once for all who stand alike.
    """

    def __init__(self, policy: Policy) -> None:
        """Takes the policy by which the customers were judged."""
        self.policy = policy
        self._rules = Ruleset(policy, None)
        self._ranks = {name: rank for rank, name in enumerate(policy.segment_names)}
        self._limits = sorted({rule.orders_max for rule in policy.rules if rule.orders_max is not None})
        self._most_orders = max(self._limits, default=0) + 1
        self._ways: dict[tuple[str, int, int, int], NextRise | None] = {}

    def next_drop(self, profile: Profile, look_through: int = NEVER) -> NextDrop | None:
        """When time alone changes the segment next; None if it never does.

        Args:
            profile: with all its orders.
            look_through: how many orders leaving the window are looked through; None if that tells nothing.
        """
        last = profile.last_order_at
        if last is None:
            return None
        frequency, monetary, judged = profile.frequency, profile.monetary, profile.evaluated_at
        edges = iter([last + edge for edge in self.policy.recency_edges_ms if last + edge > judged])
        edge = next(edges, NEVER)
        leaves = _leaving(profile, self.policy.window_ms)
        leave_at, orders, net = next(leaves, _NOTHING)
        least_orders, least, most = self._bounds(frequency, monetary)
        while (at := min(edge, leave_at)) < NEVER and look_through > 0:
            while leave_at <= at:
                frequency -= orders
                monetary -= net
                leave_at, orders, net = next(leaves, _NOTHING)
                look_through -= 1
            if edge == at:
                edge = next(edges, NEVER)
            elif frequency >= least_orders and least <= monetary < most:
                continue
            to = self._rules.cell_and_segment(at - last, frequency, monetary, profile.lifetime_orders)[1]
            if to != profile.segment:
                return NextDrop(at, to)
            least_orders, least, most = self._bounds(frequency, monetary)
        return None

    def next_rise(self, profile: Profile) -> NextRise | None:
        """The least that brings a better segment if it comes before time changes anything; None if nothing does."""
        monetary = profile.monetary
        alike = (
            profile.segment,
            min(profile.frequency, self.policy.frequency_edges[-1]),
            bisect_right(self.policy.monetary_edges_minor, monetary) + 1,
            min(profile.lifetime_orders, self._most_orders),
        )
        if alike in self._ways:
            way = self._ways[alike]
        else:
            way = self._ways[alike] = self._way_up(*alike)
        if way is None or way.spend is None:
            return way
        return NextRise(way.to, way.orders, self.policy.monetary_edges_minor[way.spend] - monetary)

    def stored_forecast(self, profile: Profile) -> StoredForecast:
        """What is noted of a long history."""
        down = self.next_drop(profile, FORESEEN_ORDERS)
        gap = usual_gap(profile, self.policy.window_ms)
        return StoredForecast(None, "", gap) if down is None else StoredForecast(down.at, down.to, gap)

    def _bounds(self, frequency: int, monetary: int) -> tuple[int, int, int]:
        """Between which numbers the scores of frequency and monetary stay: the least of both, and past the most."""
        frequencies, sums = self.policy.frequency_edges, self.policy.monetary_edges_minor
        f, m = bisect_right(frequencies, frequency), bisect_right(sums, monetary)
        return frequencies[f - 1] if f else -1, sums[m - 1] if m else -NEVER, sums[m] if m < len(sums) else NEVER

    def _way_up(self, segment: str, frequency: int, m: int, lifetime: int) -> NextRise | None:
        """As `next_rise`, for all with this score of monetary; `spend` is the place of the edge to be reached."""
        rank = self._ranks.get(segment, 0)
        numbers = sorted(
            {1}
            | {edge - frequency for edge in self.policy.frequency_edges if edge > frequency}
            | {limit + 1 - lifetime for limit in self._limits if limit >= lifetime}
        )
        sums = self.policy.monetary_edges_minor  # of which two may be one, in coarse units: then a score is never had
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


_NOTHING: Final[_Leave] = (NEVER, 0, 0)


def _leaving(profile: Profile, window_ms: int) -> Iterator[_Leave]:
    """What leaves the window, in order."""
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
