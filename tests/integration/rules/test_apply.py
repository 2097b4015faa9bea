"""`policy apply` and `campaigns apply`: what they show, what they ask, and whether what they show comes true."""

import json
from collections import Counter
from typing import Any, Final

from state.units.timestamps import DAY_MS
from streams.defaults import campaigns_text, policy_text
from streams.kafka.control import read_control
from streams.settings.settings import load_settings
from tests.oracle import moments
from tests.records.kafka_records import Published, publish, read
from tests.running.terminal import answer_on_a_terminal
from tests.running.workers import Site

BEGIN_MS: Final = moments.parse("2026-01-01T12:00:00Z")
DAYS: Final = 100
CUSTOMERS: Final = 90
SHORTER: Final = policy_text().replace("version = 1 ", "version = 2 ").replace("[60, 180]", "[30, 95]")
EARLIER: Final = (
    campaigns_text()
    .replace("version = 2", "version = 3")
    .replace('{ after_days = 1, template = "we-miss-you"', '{ after_days = 2, template = "we-miss-you"')
)


def _history() -> list[Published]:
    """Return customers with a consent and one purchase, one after the other; the last purchase was on the last day."""
    events: list[dict[str, Any]] = []
    for number in range(CUSTOMERS):
        at = BEGIN_MS + number * DAYS * DAY_MS // CUSTOMERS
        customer = {"customer_id": f"c-{number}"}
        signup = {"type": "signup", "event_id": f"s-{number}", "consent": {"email": True}}
        sale = {"type": "purchase", "event_id": f"p-{number}", "order_id": f"o-{number}", "amount": "900.00"}
        events.append({**customer, **signup, "occurred_at": moments.text(at)})
        events.append({**customer, **sale, "currency": "RUB", "occurred_at": moments.text(at + 60_000)})
    return [Published(json.dumps(event).encode(), event["customer_id"].encode()) for event in events]


async def _sent(site: Site) -> Counter[str]:
    sent: Counter[str] = Counter()
    for topic in ("offers", "reactivations"):
        sent.update(json.loads(each.value)["campaign"] for each in await read(site.kafka, site.topic(topic)))
    return sent


async def test_what_apply_shows_comes_true(site: Site) -> None:
    site.settings["TIME"] = "event"
    (site.directory / "shorter.toml").write_text(SHORTER)
    (site.directory / "earlier.toml").write_text(EARLIER)
    await site.create_topics()
    await publish(site.kafka, site.topic("events"), _history())
    worker = site.worker()
    await worker.ready()
    now_ms = BEGIN_MS + DAYS * DAY_MS
    await site.advance(moments.text(now_ms))
    control = await read_control(load_settings(environ=site.environment()))

    dry = await site.command("policy", "apply", "shorter.toml", "--dry-run", "--json")
    assert dry.status == 0, dry.errors
    shown = json.loads(dry.out)
    assert (shown["rules"], shown["applied"], shown["preview"]["customers"]) == ("retail-27@2", False, CUSTOMERS)
    assert shown["preview"]["as_of"] == moments.text(now_ms)
    assert {(each["from"], each["to"]) for each in shown["preview"]["moves"]} == {
        ("new", "at_risk"),
        ("at_risk", "churned"),
    }
    refused = answer_on_a_terminal(
        ["n"], "policy", "apply", "shorter.toml", folder=site.directory, environment=site.environment()
    )
    assert (refused.status, "not confirmed; nothing has changed" in refused.text) == (1, True)
    assert await read_control(load_settings(environ=site.environment())) == control

    before = await _sent(site)
    asked = answer_on_a_terminal(
        ["y"], "policy", "apply", "shorter.toml", folder=site.directory, environment=site.environment()
    )
    assert asked.status == 0, asked.text
    moved = sum(each["customers"] for each in shown["preview"]["moves"])
    assert moved > 20
    assert f"{moved} of {CUSTOMERS} customers would move to another segment" in asked.text
    assert f"retail-27@2: applied, in all partitions; {moved} customers moved to another segment" in asked.text
    assert len([line for line in asked.text.splitlines() if line.split()[:3] == ["New", "At", "risk"]]) == 2
    changes = [json.loads(record.value) for record in await read(site.kafka, site.topic("segment-changes"))]
    by_policy = Counter((each["from"], each["to"]) for each in changes if each["cause"]["kind"] == "policy")
    assert by_policy == {(each["from"], each["to"]): each["customers"] for each in shown["preview"]["moves"]}
    assert await _sent(site) - before == shown["preview"]["sent_at_once"]

    campaigns = await site.command("campaigns", "apply", "earlier.toml", "--dry-run", "--json")
    assert campaigns.status == 0, campaigns.errors
    expected = json.loads(campaigns.out)["preview"]
    assert expected["moves"] == []
    assert expected["sent_with_it"] != expected["sent_as_it_is"]
    before = await _sent(site)
    applied = await site.command("campaigns", "apply", "earlier.toml", "--yes", "--json")
    assert (applied.status, json.loads(applied.out)["applied"]) == (0, True)
    await site.advance(moments.text(now_ms + expected["days"] * DAY_MS))
    assert await _sent(site) - before == Counter(expected["sent_at_once"]) + Counter(expected["sent_with_it"])
    assert await worker.stop() == 0


async def test_without_customers_or_a_worker_apply_says_so(site: Site) -> None:
    (site.directory / "policy.toml").write_text(policy_text())
    (site.directory / "wrong.toml").write_text(
        policy_text().replace('"RUB"', '"EUR"').replace("window_days = 365", "window_days = 30")
    )
    await site.create_topics()
    first = await site.command("policy", "apply", "policy.toml")
    assert first.status == 0, first.errors
    assert "nobody was asked about" in first.errors
    assert first.out == "retail-27@1: applied; no worker runs, so it takes effect when one starts\n"
    wrong = await site.command("policy", "apply", "wrong.toml", "--yes")
    assert (wrong.status, wrong.out) == (1, "")
    assert [line.split()[2] for line in wrong.errors.splitlines()] == ["currency", "window_days"]
    (site.directory / "next.toml").write_text(SHORTER)
    dry = await site.command("policy", "apply", "next.toml", "--dry-run")
    assert (dry.status, dry.out) == (0, "retail-27@2 in place of retail-27@1\nthere are no customers yet\n")
