"""`campaigns forecast` comes true, and `campaigns try` of the file that was always active says the same."""

import json
from collections import Counter
from typing import Any, Final

import pytest

from state.units.timestamps import DAY_MS
from streams.defaults import campaigns_text
from tests.oracle import moments
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import Site

BEGIN_MS: Final = moments.parse("2026-01-01T12:00:00Z")
DAYS: Final = 190
CUSTOMERS: Final = 120
NEXT: Final = 10


def _history() -> list[Published]:
    """Return customers with a signup and one purchase, one after the other; a third of them has no consent."""
    events: list[dict[str, Any]] = []
    for number in range(CUSTOMERS):
        at = BEGIN_MS + number * DAYS * DAY_MS // CUSTOMERS
        customer = {"customer_id": f"c-{number}"}
        consent = ({}, {"sms": True}, {"email": True})[number % 3]
        signup = {"type": "signup", "event_id": f"s-{number}", "consent": consent}
        sale = {"type": "purchase", "event_id": f"p-{number}", "order_id": f"o-{number}", "amount": "900.00"}
        events.append({**customer, **signup, "occurred_at": moments.text(at)})
        events.append({**customer, **sale, "currency": "RUB", "occurred_at": moments.text(at + 60_000)})
    return [Published(json.dumps(event).encode(), event["customer_id"].encode()) for event in events]


async def _sent(site: Site) -> Counter[tuple[str, str, str]]:
    """Return the published messages by day, campaign and channel."""
    sent: Counter[tuple[str, str, str]] = Counter()
    for topic in ("offers", "reactivations"):
        for record in await read(site.kafka, site.topic(topic)):
            message = json.loads(record.value)
            sent[message["due_at"][:10], message["campaign"], message["channel"]] += 1
    return sent


async def _json(site: Site, *arguments: str) -> dict[str, Any]:
    done = await site.command("campaigns", *arguments, "--json")
    assert (done.status, done.errors) == (0, "")
    found: dict[str, Any] = json.loads(done.out)
    return found


@pytest.mark.timeout(180)
async def test_the_forecast_comes_true_and_the_trial_of_the_active_file_equals_it(site: Site) -> None:
    site.settings["TIME"] = "event"
    (site.directory / "same.toml").write_text(campaigns_text())
    (site.directory / "other.toml").write_text(
        campaigns_text().replace('to = ["churned"]', 'to = ["at_risk"]').replace("version = 2", "version = 3")
    )
    await site.create_topics()
    none = await site.command("campaigns", "forecast")
    assert (none.status, "no policy is active" in none.errors) == (1, True)
    await publish(site.kafka, site.topic("events"), _history())
    worker = site.worker()
    await worker.ready()
    now_ms = BEGIN_MS + DAYS * DAY_MS
    await site.advance(moments.text(now_ms))
    before = await _sent(site)
    control = await read(site.kafka, site.topic("control"))

    forecast = await _json(site, "forecast", "--days", str(NEXT))
    assert (forecast["as_of"], forecast["timezone"]) == (moments.text(now_ms), "UTC")
    assert len(forecast["days"]) == NEXT
    expected = Counter(
        {(each["day"], each["campaign"], each["channel"]): each["messages"] for each in forecast["forecast"]}
    )
    assert {campaign for _, campaign, _ in expected} == {"second-purchase", "win-back"}
    assert {channel for *_, channel in expected} == {"email", "sms"}
    text = await site.command("campaigns", "forecast", "--days", "2")
    assert text.out.splitlines()[0].endswith(f", if nobody buys; as of {moments.text(now_ms)[:10]} 12:00 (UTC)")

    longer = (await site.command("campaigns", "forecast", "--days", "20")).out.splitlines()
    last_day = longer[0].split(" to ")[1][:10]
    assert longer[-1].split() == ["all", longer[0].split()[0]], "a table of all days ends with the total"
    assert any(line.split()[-1:] == [last_day] for line in longer[1:])

    days_ahead = DAY_MS * NEXT - now_ms % DAY_MS - 1
    trial = await _json(site, "try", "same.toml", "--days", str(NEXT))
    assert trial["customers"] == CUSTOMERS
    tried = {each["campaign"]: each for each in trial["tried"]}
    assert 0 < tried["win-back"]["entered"] < 10, "few are churned yet"
    assert tried["win-back"]["suppressed"]["consent"] > 0
    assert tried["second-purchase"]["entered"] > 30
    others = {each["campaign"]: each for each in (await _json(site, "try", "other.toml", "--days", "1"))["tried"]}
    assert others["win-back"]["entered"] > 50, "all who are at risk"
    table = await site.command("campaigns", "try", "same.toml")
    assert table.out.startswith(f"retail@2 on {CUSTOMERS} customers, as if it had always been active; ")
    assert await read(site.kafka, site.topic("control")) == control
    assert await _sent(site) == before

    await site.advance(moments.text(now_ms + days_ahead))
    assert await _sent(site) - before == expected
    await site.advance(moments.text(now_ms + NEXT * DAY_MS))
    by_campaign = Counter[str]()
    for (_, campaign, _), count in (await _sent(site) - before).items():
        by_campaign[campaign] += count
    assert by_campaign == Counter({name: sum(each["sent"].values()) for name, each in tried.items()}) + Counter()
    assert await worker.stop() == 0
