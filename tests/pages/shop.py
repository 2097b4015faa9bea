"""A small shop for the pages: customers in every segment, with ids that are hard to show."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

from tests.running.http_servers import RunningServer
from tests.running.workers import until

MARKUP_ID: Final = '<img src=x onerror="alert(1)">&"\'{{7*7}}'
SLASH_ID: Final = "shop/a b+c%2F?#ж"
EMOJI_ID: Final = "😀-покупатель"
ERASED_ID: Final = "to-be-erased"
GOLDEN_ID: Final = "golden-1"


class _Group(NamedTuple):
    """Customers of a kind: how many, orders of each, days since the last one, amount of each."""

    name: str
    customers: int
    orders: int
    days: int
    amount: str


_GROUPS: Final = (
    _Group("golden", 4, 6, 5, "5000.00"),
    _Group("loyal", 3, 5, 20, "900.00"),
    _Group("new", 5, 1, 3, "1500.00"),
    _Group("active", 6, 3, 40, "2000.00"),
    _Group("at-risk", 8, 2, 90, "1200.00"),
    _Group("churned", 12, 1, 300, "800.00"),
)


def history(now: datetime) -> Iterator[dict[str, Any]]:
    """Yield signups and purchases before `now`."""
    groups = [(f"{group.name}-{number}", group) for group in _GROUPS for number in range(1, group.customers + 1)]
    groups += [(name, _Group(name, 1, 3, 10, "3000.00")) for name in (MARKUP_ID, SLASH_ID, EMOJI_ID, ERASED_ID)]
    for place, (customer_id, (_, _, orders, days, amount)) in enumerate(groups):
        if place % 3:
            yield _event("signup", customer_id, 0, now - timedelta(days=days + 30 * orders), consent={"email": True})
        for number in range(orders):
            at = now - timedelta(days=days + 20 * (orders - 1 - number), minutes=place)
            order = {"order_id": f"{customer_id}-{number}"[-128:], "amount": amount, "currency": "RUB"}
            yield _event("purchase", customer_id, number + 1, at, **order)
    yield _event("signup", "only-signed-up", 0, now - timedelta(days=2), consent={"email": True, "sms": False})


def purchase(customer_id: str, order_id: str, amount: str = "1000.00") -> dict[str, Any]:
    """Return a purchase of now, which is no history."""
    event = _event("purchase", customer_id, 0, datetime.now(UTC), order_id=order_id, amount=amount, currency="RUB")
    return event | {"event_id": order_id, "backfill": False}


def _event(kind: str, customer_id: str, number: int, at: datetime, **fields: Any) -> dict[str, Any]:
    return {
        "type": kind,
        "event_id": f"{kind}-{number}-{customer_id}"[-128:],
        "customer_id": customer_id,
        "occurred_at": at.isoformat(timespec="milliseconds"),
        "backfill": True,
        **fields,
    }


async def open_shop(server: RunningServer) -> None:
    """Publish the history, and wait until the pages have it."""
    events = list(history(datetime.now(UTC)))
    for start in range(0, len(events), 100):
        await send(server, {"events": events[start : start + 100]})
    customers = len({event["customer_id"] for event in events})

    async def is_there() -> bool:
        answer = await server.request("GET", "/v1/segments")
        return answer.status == 200 and answer.json["customers"] == customers

    await until(is_there, "the customers to be in Redis")


async def send(server: RunningServer, body: dict[str, Any], **headers: str) -> None:
    """Publish events, again while the server does not know the policy yet."""

    async def is_accepted() -> bool:
        answer = await server.request("POST", "/v1/events", json=body, headers=headers)
        assert answer.status in {200, 503}, answer.body
        return answer.status == 200

    await until(is_accepted, "events to be accepted")
