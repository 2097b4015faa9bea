"""What all readers of Shopify's webhooks need: headers, moments, references, and which orders are tests."""

import re
from typing import Final

from agents.importing.events.customer_ids import bounded_id
from agents.serve.hooks.delivery import Delivery, Receiver
from agents.serve.hooks.platforms.mapped_row import orders_mapping
from agents.serve.hooks.platforms.payload import Payload

PLATFORM: Final = "shopify"
TRIGGERED: Final = ("x-shopify-triggered-at", "shopify-triggered-at")


def header_of(delivery: Delivery, names: tuple[str, ...]) -> str:
    """Return the first header of these names that is not empty; empty without one."""
    return next((value for name in names if (value := delivery.headers.get(name, "").strip())), "")


def triggered(delivery: Delivery) -> int | None:
    """Return when Shopify sent the webhook, in milliseconds; None if it does not say."""
    headers = Payload({"header": header_of(delivery, TRIGGERED)})
    return headers.moment("header")


def first_of(*moments: int | None) -> int:
    """Return the first moment that is known."""
    return next(moment for moment in moments if moment is not None)


def reference_of(receiver: Receiver, number: str) -> str:
    """Return a number of Shopify as the order ledger keeps it: two shops cannot have the same, two platforms can."""
    return bounded_id(PLATFORM, receiver.hook.prefixes.order(number)) if number else ""


def is_test(order: Payload) -> bool:
    """Whether an order is a test, also by the rule of the import for the gateway that only tests have."""
    if order.flag("test"):
        return True
    names = order.get("payment_gateway_names")
    gateways = [order.text("gateway"), *(names if isinstance(names, list) else ())]
    patterns = [rule.matches for rule in orders_mapping(PLATFORM).rules if rule.reason == "test_order" and rule.matches]
    return any(isinstance(each, str) and re.search(pattern, each) for each in gateways for pattern in patterns)
