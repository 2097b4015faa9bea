"""What is known of the refunds of an order: the sum of imports, and of refunds with entries of their own.

Every refund by a hook is such an entry, also where a delivery has the total, so two servers never overwrite what the
other one has entered.
"""

from typing import NamedTuple

from agents.serve.hooks.orders.order_index import OrderIndex
from streams.tables.order_ledger import REFUNDS


class OrderRefunds(NamedTuple):
    """The refunds of an order.

    Attributes:
        total: what is published, in minor units.
        beyond: what imports have published of it, beyond the refunds that came one by one.
        imported_ms: when an import has entered that; -1: none has.
    """

    total: int
    beyond: int = 0
    imported_ms: int = -1


def find_refunds(index: OrderIndex, customer_id: str, order_id: str) -> OrderRefunds:
    """Return the refunds of an order; what is announced counts, since it will be published."""
    own = contained = 0
    for entry in index.refunds_of(customer_id, order_id):
        assert entry.details is not None
        if entry.details.is_contained:
            contained += entry.details.minor
        else:
            own += entry.details.minor
    found = index.find(customer_id, REFUNDS, order_id)
    if found is None:
        return OrderRefunds(own)
    imported = found.entry.refunded
    if (announced := found.entry.announced) is not None:
        imported = max(imported, announced.refunded - announced.beside)
    earlier = found.entry.details.one_by_one if found.entry.details is not None else 0
    return OrderRefunds(imported + own, imported - earlier - contained, found.at_ms)
