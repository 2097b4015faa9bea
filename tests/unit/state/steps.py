"""Short constructors for the oracle's steps: customer `c` buys in roubles under a policy like the built-in one."""

from typing import Any

from tests.oracle import Oracle, Result, moments

Step = dict[str, Any]

RETAIL = """
name = "retail-27"
version = 1
currency = "RUB"
window_days = 365
[recency_days]
edges = [60, 180]
[frequency]
edges = [2, 5]
[monetary]
edges = [5000, 20000]
[[segment]]
name = "golden"
when = { r = [3], f = [3], m = [3] }
[[segment]]
name = "loyal"
when = { r = [3], f = [3] }
[[segment]]
name = "new"
when = { r = [3], f = [1], orders_max = 1 }
[[segment]]
name = "active"
when = { r = [3] }
[[segment]]
name = "at_risk"
when = { r = [2] }
[[segment]]
name = "churned"
when = { r = [1] }
[rates]
EUR = "98.40"
"""


def day(number: int, clock: str = "00:00:00.000Z") -> str:
    """Return the moment ``number`` days after 1 January 2026, at this time of day."""
    return moments.text(moments.parse("2026-01-01T00:00:00Z") + number * moments.DAY_MS)[:11] + clock


def event(event_type: str, at: str, customer: str = "c", **fields: Any) -> Step:
    return {"type": event_type, "event_id": f"{event_type}-{at}", "customer_id": customer, "occurred_at": at, **fields}


def bought(order: str, at: str, amount: object = "1000.00", **fields: Any) -> Step:
    return event("purchase", at, **{"order_id": order, "amount": amount, "currency": "RUB", **fields})


def refunded(refund: str, at: str, amount: object, **fields: Any) -> Step:
    return event("refund", at, **{"refund_id": refund, "amount": amount, "currency": "RUB", **fields})


def tick(at: str) -> Step:
    return {"type": "tick", "at": at}


def run(*steps: Step, policy: str = RETAIL) -> Result:
    return Oracle().run([{"type": "policy", "text": policy}, *steps])
