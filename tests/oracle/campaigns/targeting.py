"""The conditions of a campaign's ``where``, and the traits they need."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from tests.oracle.customers.history import History
from tests.oracle.outputs import JsonObject

MIN_ORDERS = 3
FACTS = ("country", "city", "language", "source")
MAX_NAMES = 64
MAX_NAME_LENGTH = 128


def matches(where: JsonObject, history: History, seeker_share: Fraction, before: int) -> bool:
    """Return whether a customer meets all conditions; referrals count if they came before the moment `before`.

    Raises:
        ValueError: A condition has a value of no valid type.
    """
    return all(_matches(name, expected, history, seeker_share, before) for name, expected in where.items())


def _matches(name: str, expected: object, history: History, seeker_share: Fraction, before: int) -> bool:
    orders = history.lifetime_orders()
    if isinstance(expected, bool):
        flags = {"discount_seeker": is_discount_seeker(history, seeker_share), "difficult": is_difficult(history)}
        return expected is flags[name]
    if isinstance(expected, list):
        favourites = {"favourite_store": favourite_store(history), "favourite_channel": favourite_channel(history)}
        return (history.person.fact(name) if name in FACTS else favourites[name]) in expected
    if isinstance(expected, int):
        referrals = sum(moment < before for moment in history.referred_at)
        minimums = {"lifetime_orders_min": orders, "referrals_min": referrals}
        return minimums[name] >= expected if name in minimums else {"lifetime_orders_max": orders}[name] <= expected
    message = f"where.{name} = {expected!r} is no condition"
    raise ValueError(message)


def is_discount_seeker(history: History, share: Fraction) -> bool:
    """Return whether the discount share reaches `share`; at least three orders are needed."""
    return history.lifetime_orders() >= MIN_ORDERS and Fraction(history.discount_share()) >= share


def is_difficult(history: History) -> bool:
    """Return whether at least three in ten of all orders were refunded; at least three orders are needed."""
    refunded, placed = sum(bool(order.refunds) for order in history.orders), len(history.orders)
    return placed >= MIN_ORDERS and 10 * refunded >= 3 * placed


def favourite_store(history: History) -> str | None:
    """Return the store with the most purchases, refunded or not."""
    return _favourite(order.store for order in history.orders)


def favourite_channel(history: History) -> str | None:
    """Return the channel with the most purchases, refunded or not."""
    return _favourite(order.channel for order in history.orders)


def _favourite(names: Iterable[str]) -> str | None:
    """Return the most frequent of the first 64 different names, without those that are too long."""
    short = [name for name in names if 0 < len(name) <= MAX_NAME_LENGTH]
    counted = list(dict.fromkeys(short))[:MAX_NAMES]
    counts = Counter(name for name in short if name in counted)
    return min(counts, key=lambda name: (-counts[name], name), default=None)
