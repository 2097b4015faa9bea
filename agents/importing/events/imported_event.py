"""An event that a file has become, ready to be published."""

from typing import NamedTuple


class ImportedEvent(NamedTuple):
    """An event as it will be published, unless the ledgers know it.

    Attributes:
        kind: `purchase`, `refund`, `signup`, `consent`, `contact` or `erasure`.
        occurred_at_ms: its moment, in milliseconds since 1970.
        customer_id: empty for an anonymous sale.
        order_id: of a purchase or of the refund of an order; otherwise empty.
        value: the event as JSON.
        line: the line of the file that it comes from; of several lines the first.
        refunded_minor: of the refund of a refund column, the total refunded of the order, in minor units of the event's
            currency; None for all other events, also refunds with an id of their own.
        mentioned_order: of a refund whose rows name an order that the files do not have, that order's id: an earlier
            import may have published it. Otherwise empty.
        order_reference: of a purchase, the platform's own number of the order, with the prefix of ids; usually empty.
    """

    kind: str
    occurred_at_ms: int
    customer_id: str
    order_id: str
    value: bytes
    line: int
    refunded_minor: int | None = None
    mentioned_order: str = ""
    order_reference: str = ""
