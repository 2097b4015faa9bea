"""Whether a customer has bought on a day before: who buys twice on a day is one buyer."""

from bisect import bisect_left
from collections.abc import Iterator

from state.customer.orders import forget_order_at
from state.customer.packed_orders import entries_back
from state.customer.profile import Profile


def orders_between(profile: Profile, begins: int, ends: int, as_of: int, window_ms: int) -> Iterator[int]:
    """The moments of the orders from `begins` (inclusive) to `ends` (exclusive) that are remembered at `as_of`.

    Fully refunded ones are among them, and those that may be forgotten but are still there are not.
    """
    if profile.packed_orders:
        for at, applied_at in entries_back(profile):
            if at < begins:
                return
            if at < ends and max(applied_at, at + window_ms) + window_ms > as_of:
                yield at
        return
    orders = profile.orders
    for place in range(bisect_left(orders, begins, key=lambda order: order.at), len(orders)):
        order = orders[place]
        if order.at >= ends:
            return
        if forget_order_at(order, window_ms) > as_of:
            yield order.at
