"""What a campaign may ask of a customer besides their segment: its ``where``, and the traits that it asks for."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction

from tests.oracle.history import History
from tests.oracle.outputs import JsonObject

FROM_ORDERS = 3
FACTS = ("country", "city", "language", "source")
COUNTED_NAMES = 64
LONGEST_NAME = 128


def meets(where: JsonObject, history: History, seeker_share: Fraction, before: int) -> bool:
    """Whether a customer is all that is asked for; of signups that name them those count that came before a moment.

    Raises:
        ValueError: Something is asked for that nobody may ask for.
    """
    return all(_meets(name, wanted, history, seeker_share, before) for name, wanted in where.items())


def _meets(name: str, wanted: object, history: History, seeker_share: Fraction, before: int) -> bool:
    orders = history.lifetime_orders()
    if isinstance(wanted, bool):
        flags = {"discount_seeker": is_discount_seeker(history, seeker_share), "difficult": is_difficult(history)}
        return wanted is flags[name]
    if isinstance(wanted, list):
        favourites = {"favourite_store": favourite_store(history), "favourite_channel": favourite_channel(history)}
        return (history.person.fact(name) if name in FACTS else favourites[name]) in wanted
    if isinstance(wanted, int):
        brought = sum(moment < before for moment in history.brought_at)
        least = {"lifetime_orders_min": orders, "referrals_min": brought}
        return least[name] >= wanted if name in least else {"lifetime_orders_max": orders}[name] <= wanted
    message = f"where.{name} = {wanted!r} asks for nothing"
    raise ValueError(message)


def is_discount_seeker(history: History, share: Fraction) -> bool:
    """Whether so much of what they bought is bought at a discount, from three orders on."""
    return history.lifetime_orders() >= FROM_ORDERS and Fraction(history.discount_share()) >= share


def is_difficult(history: History) -> bool:
    """Whether something went back of three in ten of the orders ever placed, from three on."""
    went_back, ever = sum(bool(order.refunds) for order in history.orders), len(history.orders)
    return ever >= FROM_ORDERS and 10 * went_back >= 3 * ever


def favourite_store(history: History) -> str | None:
    """Where most purchases that counted were made, refunded or not."""
    return _favourite(order.store for order in history.orders)


def favourite_channel(history: History) -> str | None:
    """By which channel most purchases that counted were made, refunded or not."""
    return _favourite(order.channel for order in history.orders)


def _favourite(names: Iterable[str]) -> str | None:
    """The most frequent of the names that are counted: the first 64 different ones, none of them too long."""
    short = [name for name in names if 0 < len(name) <= LONGEST_NAME]
    counted = list(dict.fromkeys(short))[:COUNTED_NAMES]
    counts = Counter(name for name in short if name in counted)
    return min(counts, key=lambda name: (-counts[name], name), default=None)
