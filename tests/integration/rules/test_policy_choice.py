"""Choosing a policy, on Kafka: a suggestion can be applied, and a comparison agrees with the worker."""

import json
from collections import Counter
from pathlib import Path
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient

from state.config.policy_reader import parse_policy
from state.units.timestamps import DAY_MS
from streams.defaults import policy_text
from tests.oracle import moments
from tests.records.kafka_records import Ends, Published, publish, read
from tests.running.workers import Site

BEGIN_MS: Final = moments.parse("2026-01-01T09:30:00Z")
COMES_BACK: Final = [(70, [0.0, 10.5]), (20, [0.0, 40.5, 80.5]), (10, [0.0])]
OTHER: Final = policy_text().replace("retail-27", "other").replace("edges = [60, 180]", "edges = [30, 90]")


def _history() -> list[Published]:
    """Return customers with e-mail consent and their purchases, in order."""
    events: list[tuple[int, dict[str, Any]]] = []
    for group, (size, at_days) in enumerate(COMES_BACK):
        for number in range(size):
            customer = f"c-{group}-{number}"
            signup = {"type": "signup", "event_id": f"s-{customer}", "consent": {"email": True}}
            events.append((BEGIN_MS + number * 1000, {**signup, "customer_id": customer}))
            for at in at_days:
                order = f"{customer}-{at}"
                paid = {"order_id": order, "amount": f"{10 + number}00.00", "currency": "RUB"}
                sale = {"type": "purchase", "event_id": order, "customer_id": customer, **paid}
                events.append((BEGIN_MS + 60_000 + int(at * DAY_MS) + number * 1000, sale))
    events.sort(key=lambda each: each[0])
    return [
        Published(json.dumps({**event, "occurred_at": moments.text(at)}).encode(), event["customer_id"].encode())
        for at, event in events
    ]


async def _traces(site: Site) -> tuple[dict[str, int], set[str]]:
    """Return the ends of all topics of the site, and all consumer groups."""
    admin = AIOKafkaAdminClient(bootstrap_servers=site.kafka)
    await admin.start()
    try:
        topics = sorted(name for name in await admin.list_topics() if name.startswith(f"{site.prefix}."))
        groups = {group for group, *_ in await admin.list_consumer_groups()}
    finally:
        await admin.close()
    async with Ends(site.kafka) as ends:
        return {topic: await ends.of(topic) for topic in topics}, groups


async def _published_by_the_worker(site: Site) -> tuple[Counter[str], Counter[str]]:
    """Return customers by their last segment, and messages by campaign."""
    last: dict[bytes, str] = {}
    for record in await read(site.kafka, site.topic("segment-changes")):
        last[record.key] = json.loads(record.value)["to"]
    sent: Counter[str] = Counter()
    for topic in ("offers", "reactivations"):
        sent.update(json.loads(each.value)["campaign"] for each in await read(site.kafka, site.topic(topic)))
    return Counter(last.values()), sent


async def test_policies_are_suggested_and_compared_without_a_trace(site: Site, tmp_path: Path) -> None:
    site.settings["TIME"] = "event"
    for name, text in (("a", policy_text()), ("b", OTHER), ("euro", OTHER.replace('"RUB"', '"EUR"'))):
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    await site.create_topics()
    for command in (("suggest",), ("diff", "a.toml", "b.toml")):
        nothing = await site.command("policy", *command)
        assert (nothing.status, nothing.out, nothing.errors.count("\n")) == (1, "", 1)
        assert f"no policy is active under the prefix {site.prefix}" in nothing.errors

    await publish(site.kafka, site.topic("events"), _history())
    worker = site.worker()
    await worker.ready()
    await site.advance(moments.text(BEGIN_MS + 130 * DAY_MS))
    assert await worker.stop() == 0
    segments, sent = await _published_by_the_worker(site)
    topics, groups = await _traces(site)

    compared = await site.command("policy", "diff", "a.toml", "b.toml", "--json")
    assert compared.status == 0, compared.errors
    found = json.loads(compared.out)
    assert {name: count for name, count in found["a"]["segments"].items() if count} == segments
    assert found["a"]["sent"] == sent
    assert found["as_of"] == moments.text(BEGIN_MS + 130 * DAY_MS)
    assert found["moves"] == [
        {"from": "at_risk", "to": "churned", "customers": 80, "net": "637500.00", "reachable": 80},
        {"from": "active", "to": "at_risk", "customers": 20, "net": "117000.00", "reachable": 20},
    ]
    assert [each["customer_id"] for each in found["dearest"][:2]] == ["c-0-69", "c-0-68"]
    assert found["b"]["sent"]["win-back"] > 0
    assert "win-back" not in sent

    earlier = await site.command("policy", "diff", "a.toml", "b.toml", "--to", moments.text(BEGIN_MS + 35 * DAY_MS))
    assert earlier.status == 0, earlier.errors
    assert "100 customers as of 2026-02-05 09:30 (UTC)" in earlier.out
    assert "New       At risk         30" in earlier.out

    refused = await site.command("policy", "diff", "a.toml", "euro.toml")
    assert (refused.status, refused.out) == (1, "")
    assert refused.errors.startswith("goldstream: euro.toml: currency must be RUB, that of the journal: got EUR; ")

    suggested = await site.command("policy", "suggest", "--output", "new.toml")
    assert suggested.status == 0, suggested.errors
    policy = parse_policy((tmp_path / "new.toml").read_text(encoding="utf-8"))
    assert (policy.ref, policy.recency_edges_text) == (
        "suggested@1",
        ("20", "45"),
    )  # no customer returned after 41 days
    assert "# As in retail-27@1, which is active" in policy.text
    topics_now, groups_now = await _traces(site)
    assert topics_now == topics
    assert groups_now <= groups, "those of earlier tests may end meanwhile"
    applied = await site.command("policy", "apply", "new.toml", "--yes")
    assert applied.status == 0, applied.errors
