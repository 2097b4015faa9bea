"""The settings of one hook, as they are used."""

from typing import Final

import msgspec

from agents.importing.events.customer_ids import IdPrefixes
from agents.importing.mapping.mapping import Identify

COUNTS: Final = ("paid", "created")
GIFT_CARDS: Final = ("sale", "skip")


class Hook(msgspec.Struct, frozen=True):
    """Where deliveries of one shop arrive.

    Attributes:
        platform: `shopify`, `woocommerce`, `segment` or `ga4`.
        name: of the shop, in the address.
        secrets: with any of which a delivery may be signed.
        identify: what serves as the id of a customer.
        prefixes: make the ids of customers and orders.
        measurement_id: of GA4; empty: any.
        consents: of Segment, channel to the path of a yes or no in a message.
        count: of Shopify, when an order counts: once it is `paid`, or as soon as it is `created`.
        gift_cards: of Shopify, whether buying one is a `sale`, or left out (`skip`).
    """

    platform: str
    name: str
    secrets: tuple[str, ...] = ()
    identify: Identify = Identify()
    prefixes: IdPrefixes = IdPrefixes()
    measurement_id: str = ""
    consents: dict[str, str] = {}
    count: str = COUNTS[0]
    gift_cards: str = GIFT_CARDS[0]

    @property
    def route(self) -> str:
        """How its events come, as the order ledger and the topic `rejected` name it."""
        return f"hook:{self.platform}/{self.name}"
