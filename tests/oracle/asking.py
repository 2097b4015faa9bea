"""What a campaign may ask of a customer besides their segment: its ``where``."""

from fractions import Fraction

from tests.oracle.history import History
from tests.oracle.outputs import JsonObject

FROM_ORDERS = 3
FACTS = ("country", "city", "language", "source")


def meets(where: JsonObject, history: History, seeker_share: Fraction) -> bool:
    """Whether a customer is all that is asked for.

    Raises:
        ValueError: Something is asked for that no test asks for yet.
    """
    return all(_meets(name, wanted, history, seeker_share) for name, wanted in where.items())


def _meets(name: str, wanted: object, history: History, seeker_share: Fraction) -> bool:
    orders, ever = history.lifetime_orders(), len(history.orders)
    if name in FACTS and isinstance(wanted, list):
        return history.person.fact(name) in wanted
    if name in ("lifetime_orders_min", "lifetime_orders_max") and isinstance(wanted, int):
        return orders >= wanted if name.endswith("min") else orders <= wanted
    if name == "discount_seeker":
        return wanted is (orders >= FROM_ORDERS and Fraction(history.discount_share()) >= seeker_share)
    if name == "difficult":
        went_back = sum(bool(order.refunds) for order in history.orders)
        return wanted is (ever >= FROM_ORDERS and 10 * went_back >= 3 * ever)
    message = f"where.{name} = {wanted!r} is not computed here"
    raise ValueError(message)
