"""A shop whose campaigns have results: a real worker sends, customers respond, attribution days pass.

Time follows the events. Who gets messages is read from what the worker published: they respond more often than those
who were held back.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from tests.records.kafka_records import Published, publish, read
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until

CUSTOMERS: Final = 300
FIRST_DAY: Final = datetime(2026, 3, 1, 9, 30, tzinfo=UTC)
AS_OF_DAYS: Final = 88
PERIOD: Final = f"from={FIRST_DAY:%Y-%m-%d}&to={FIRST_DAY + timedelta(AS_OF_DAYS):%Y-%m-%d}"
"""All days of the shop, as a page's address has them."""

CAMPAIGNS: Final = """\
name = "spring"
version = 1
starts_at = "always"
cap = { messages = 1, days = 4 }
control = 0.02

[[campaign]]
name = "second-order"
topic = "offers"
to = ["new"]
attempts = [
  { after_days = 1, template = "your-second-order", incentive = "10%" },
  { after_days = 3, template = "your-second-order-reminder" },
  { after_days = 6, template = "last-day-of-your-discount" },
]
holdout = 0.4

[[campaign]]
name = "thanks"
topic = "offers"
to = ["active"]
attempts = [{ after_days = 0, template = "thanks-for-coming-back" }]

[[campaign]]
name = "come-back-soon-we-have-missed-you"
topic = "reactivations"
to = ["at_risk"]
attempts = [
  { after_days = 0, template = "come-back-soon" },
  { after_days = 7, template = "come-back-soon-gift", incentive = "15%" },
]
holdout = 0.05
silence_after_days = 3
"""


def _event(type_: str, customer_id: str, number: int, at: datetime, **fields: Any) -> Published:
    value = {
        "type": type_,
        "event_id": f"{type_}-{number}-{customer_id}",
        "customer_id": customer_id,
        "occurred_at": at.isoformat(timespec="milliseconds"),
        **fields,
    }
    return Published(msgspec.json.encode(value), customer_id.encode())


def _purchase(customer_id: str, number: int, at: datetime, amount: str) -> Published:
    order = {"order_id": f"{customer_id}-{number}", "amount": amount, "currency": "RUB"}
    return _event("purchase", customer_id, number, at, **order)


def _first_orders() -> Iterator[Published]:
    """Yield a signup and an order of every customer; nobody may write to each fifth one."""
    for number in range(CUSTOMERS):
        customer_id, at = f"buyer-{number:03}", FIRST_DAY + timedelta(minutes=number)
        yield _event("signup", customer_id, 0, at, consent={"email": number % 5 != 0})
        yield _purchase(customer_id, 1, at + timedelta(seconds=1), f"{900 + number % 7 * 250}.00")


def _responses(messages: list[dict[str, Any]]) -> Iterator[Published]:
    """Yield what customers do: of those who got a message two of three buy, of all others one of eight."""
    reached = {message["customer_id"]: message["message_id"] for message in messages}
    for number in range(CUSTOMERS):
        customer_id, at = f"buyer-{number:03}", FIRST_DAY + timedelta(days=7, minutes=number)
        if customer_id in reached:
            for kind in ("delivered", "opened", "clicked", "redeemed")[: 1 + number % 4]:
                cost = {"cost": "3.50", "currency": "RUB"} if kind == "delivered" else {}
                message = {"message_id": reached[customer_id], "kind": kind, **cost}
                yield _event("contact", customer_id, len(kind), at, **message)
        if number % 3 if customer_id in reached else not number % 8:
            yield _purchase(customer_id, 2, at + timedelta(hours=1), f"{1200 + number % 5 * 300}.00")


async def open_campaign_shop(site: Site, server: RunningServer) -> None:
    """Publish the events, let time pass, and wait until the pages have it all."""
    events = site.topic("events")
    await publish(site.kafka, events, _first_orders())
    await site.advance(_moment(FIRST_DAY + timedelta(days=6, hours=12)))
    sent = [msgspec.json.decode(record.value) for record in await read(site.kafka, site.topic("offers"))]
    await publish(site.kafka, events, _responses(sent))
    await site.advance(_moment(FIRST_DAY + timedelta(days=AS_OF_DAYS)))

    async def is_there() -> bool:
        answer = await server.request("GET", f"/v1/flows?{PERIOD}&cause=time")
        status = await server.request("GET", "/v1/status")
        report = await server.request("GET", "/v1/campaigns/report")
        days = (await server.request("GET", f"/v1/daily?{PERIOD}")).json["days"]
        return (
            bool(status.json["as_of"] == _moment(FIRST_DAY + timedelta(days=AS_OF_DAYS)))
            and sum(flow["customers"] for flow in answer.json["flows"]) == CUSTOMERS
            and len(report.json["campaigns"]) == CAMPAIGNS.count("[[campaign]]")
            and len(days) > AS_OF_DAYS
        )

    await until(is_there, "the pages to have the results", every_s=0.5)


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
