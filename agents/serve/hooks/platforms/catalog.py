"""The platforms whose deliveries are read."""

from collections.abc import Callable, Mapping
from typing import Final

from agents.serve.hooks.delivery import Delivery, Outcomes, Receiver
from agents.serve.hooks.platforms import ga4, segment, shopify, shopify_request, woocommerce

READERS: Final[Mapping[str, Callable[[Delivery, Receiver], Outcomes]]] = {
    shopify_request.PLATFORM: shopify.read_delivery,
    woocommerce.PLATFORM: woocommerce.read_delivery,
    segment.PLATFORM: segment.read_delivery,
    ga4.PLATFORM: ga4.read_delivery,
}
"""By platform, a function that never raises."""
