"""`goldstream customer` on Apache Kafka: customers with short and long histories, erased and unknown ones."""

import json
from typing import Any, Final

from tests.oracle import moments
from tests.records.kafka_records import Published, publish
from tests.running.workers import Site

DAY_MS: Final = 86_400_000
BEGIN_MS: Final = moments.parse("2026-01-01T09:30:00Z")
LONG: Final = 300
"""Orders of a history that the table keeps in chunks."""


def _event(customer_id: str, number: int, at_ms: int, kind: str, **fields: object) -> Published:
    value = {
        "type": kind,
        "event_id": f"{customer_id}/{number}",
        "customer_id": customer_id,
        "occurred_at": moments.text(at_ms),
        **fields,
    }
    return Published(json.dumps(value).encode(), customer_id.encode())


def _history() -> list[Published]:
    """A customer who signs up and buys five times, one with a long history, two erased ones of whom one returns."""
    events = [
        (BEGIN_MS - 1, _event("c-17", 0, BEGIN_MS - 1, "signup", consent={"email": True}, city="Казань")),
        (BEGIN_MS - 3, _event("c-9", 0, BEGIN_MS - 3, "purchase", order_id="o", amount="1.00", currency="RUB")),
        (BEGIN_MS - 2, _event("c-9", 1, BEGIN_MS - 2, "erasure")),
        (BEGIN_MS - 1, _event("c-9", 2, BEGIN_MS - 1, "purchase", order_id="p", amount="2.00", currency="RUB")),
    ]
    bought = {"order_id": "o", "amount": "1.00", "currency": "RUB"}
    events += [
        (BEGIN_MS - 3, _event("c-8", 0, BEGIN_MS - 3, "purchase", **bought)),
        (BEGIN_MS - 2, _event("c-8", 1, BEGIN_MS - 2, "erasure")),
    ]
    for customer_id, orders in (("c-17", 5), ("long-c-17", LONG)):
        for number in range(1, orders + 1):
            at_ms = BEGIN_MS + number * (DAY_MS if orders == 5 else 60_000)
            order = {"order_id": f"o-{number}", "amount": "5000.00", "currency": "RUB"}
            events.append((at_ms, _event(customer_id, number, at_ms, "purchase", **order)))
    events.sort(key=lambda each: each[0])
    return [event for _, event in events]


async def _story(site: Site, customer_id: str) -> dict[str, Any]:
    ended = await site.command("customer", "--json", customer_id)
    assert ended.status == 0, ended.errors
    story: dict[str, Any] = json.loads(ended.out)
    return story


async def test_it_shows_what_is_known_why_the_segment_changed_and_what_comes_next(site: Site) -> None:
    site.settings["TIME"] = "event"
    nothing = await site.command("customer", "c-17")
    assert nothing.status == 1
    assert nothing.errors.startswith(f"goldstream: there are no customers under the prefix {site.prefix}; ")
    assert nothing.errors.count("\n") == 1

    await site.create_topics()
    await publish(site.kafka, site.topic("events"), _history())
    worker = site.worker()
    await worker.ready()
    await site.advance(moments.text(BEGIN_MS + 70 * DAY_MS))

    story = await _story(site, "c-17")
    assert (story["segment"], story["cell"], story["seq"]) == ("at_risk", "233", 5)
    assert story["since"] == moments.text(BEGIN_MS + 65 * DAY_MS)
    assert story["as_of"] == moments.text(BEGIN_MS + 70 * DAY_MS)
    assert story["facts"]["lifetime_value"] == "25000.00"
    assert story["signup"] == {"city": "Казань"}
    assert story["consents"] == {"email": True}
    assert [change["to"] for change in story["changes"]] == ["potential", "new", "active", "golden", "at_risk"]
    assert story["changes"][-1]["why"] == [{"measure": "recency_days", "edge": 60, "was": 3, "is": 2}]
    assert "golden-welcome" in [message["campaign"] for message in story["messages"]]
    next_change = next(each for each in story["next"] if "to" in each)
    assert (next_change["to"], next_change["effective_at"]) == ("churned", moments.text(BEGIN_MS + 185 * DAY_MS))

    text = await site.command("customer", "c-17")
    assert text.out.startswith("c-17: at_risk (At risk) since 2026-03-07 09:30, as of 2026-03-12 09:30 (UTC)\n")
    assert "why          60 days without a purchase" in text.out
    assert "2026-07-05 09:30  At risk -> Churned: 180 days without a purchase" in text.out
    russian = await site.command("customer", "c-17", language="ru_RU.UTF-8")
    assert "2026-07-05 09:30  В зоне риска -> " in russian.out

    long = await _story(site, "long-c-17")
    assert (long["facts"]["frequency"], long["segment"]) == (LONG, "at_risk")
    assert long["next"][0]["effective_at"] == moments.text(BEGIN_MS + LONG * 60_000 + 180 * DAY_MS)

    back = await _story(site, "c-9")
    assert [change["seq"] for change in back["changes"]] == [2, 3]
    assert back["facts"]["lifetime_value"] == "2.00"

    erased = await site.command("customer", "c-8")
    assert (erased.status, erased.out) == (1, "")
    assert erased.errors.startswith(f"goldstream: customer 'c-8' was erased on {moments.text(BEGIN_MS - 2)}, and ")

    unknown = await site.command("customer", "c-18")
    assert (unknown.status, unknown.out) == (1, "")
    assert unknown.errors == f"goldstream: customer 'c-18' is not known under the prefix {site.prefix}; check the id\n"

    await site.advance(moments.text(BEGIN_MS + 185 * DAY_MS))
    later = await _story(site, "c-17")
    assert later["changes"][-1] == next_change
    assert await worker.stop() == 0
