"""`goldstream rejected`: what was rejected and why, and sending it again, each record once."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from streams.defaults import policy_text
from tests.records.kafka_records import Published, publish, read
from tests.running.terminal import answer_on_a_terminal
from tests.running.workers import Site, until

RATES = policy_text().replace("version = 1 ", "version = 2 ").replace("[rates]", '[rates]\nEUR = "98.40"')
HOOKED = b'{"type": "signup", "event_id": "s-1", "customer_id": "c-9", "occurred_at": "2026-01-01T00:00:00Z"}'


def _purchase(number: int, currency: str) -> Published:
    sale = {"event_id": f"e-{number}", "order_id": f"o-{number}", "amount": "12.50", "currency": currency}
    event = {**sale, "customer_id": "c-1", "occurred_at": datetime.now(UTC).isoformat()}
    return Published(json.dumps(event).encode(), b"c-1", headers=(("till", b"7"),))


async def _shown(site: Site, *arguments: str) -> dict[str, Any]:
    done = await site.command("rejected", "show", "--json", *arguments)
    assert (done.status, done.errors) == (0, "")
    found: dict[str, Any] = json.loads(done.out)
    return found


async def _resent(site: Site, *arguments: str) -> dict[str, Any]:
    done = await site.command("rejected", "resend", "--json", *arguments)
    assert done.status == 0, done.errors
    found: dict[str, Any] = json.loads(done.out)
    return found


async def test_rejected_events_are_listed_by_reason_and_sent_again_once(site: Site, tmp_path: Path) -> None:
    worker = site.worker()
    await worker.ready()
    bad = [_purchase(1, "EUR"), Published(b"nonsense", b"c-1"), _purchase(2, "RUB"), _purchase(3, "EUR")]
    await publish(site.kafka, site.topic("purchases"), bad)

    async def has_letters() -> bool:
        counts: dict[str, int] = (await _shown(site))["by_reason"]
        return counts == {"currency": 2, "malformed": 1}

    await until(has_letters, "three dead letters", every_s=0.5)
    (malformed,) = (await _shown(site, "--reason", "malformed"))["rejected"]
    assert malformed["source"].startswith(f"{site.topic('purchases')}:")
    assert malformed["detail"].startswith("value must be JSON: got ")
    assert [each["reason"] for each in (await _shown(site, "--limit", "2"))["rejected"]] == ["currency", "malformed"]
    text = await site.command("rejected", "show")
    assert text.out.startswith("3 rejected events looked at: 2 currency, 1 malformed\n")
    assert "rejected (UTC)" in text.out

    unasked = await site.command("rejected", "resend")
    assert (unasked.status, "repeat the command with --yes" in unasked.errors) == (2, True)
    dry = await _resent(site, "--reason", "currency", "--dry-run")
    assert (dry["topics"], dry["resent"]) == ({site.topic("purchases"): 2}, 0)
    refused = answer_on_a_terminal(["n"], "rejected", "resend", folder=tmp_path, environment=site.environment())
    assert (refused.status, "not confirmed; nothing has changed" in refused.text) == (1, True)

    (tmp_path / "rates.toml").write_text(RATES)
    assert (await site.command("policy", "apply", "rates.toml", "--yes")).status == 0
    assert (await _resent(site, "--reason", "currency", "--source", "purchases", "--yes"))["resent"] == 2

    async def is_admitted() -> bool:
        story = await site.command("customer", "c-1", "--json")
        return story.status == 0 and '"lifetime_orders":3' in story.out

    await until(is_admitted, "three orders of the customer", every_s=0.5)
    again = (await read(site.kafka, site.topic("purchases")))[-2:]
    first = again[0]
    assert (first.key, first.value, dict(first.headers)["till"]) == (b"c-1", bad[0].value, b"7")

    everything = await _resent(site, "--yes")
    assert (everything["resent"], everything["skipped"]) == (1, {"sent before": 2})

    async def is_rejected_again() -> bool:
        counts: dict[str, int] = (await _shown(site))["by_reason"]
        return counts["malformed"] == 2

    await until(is_rejected_again, "the malformed record to be rejected again", every_s=0.5)
    nothing = await _resent(site, "--yes")
    assert (nothing["topics"], nothing["skipped"], nothing["resent"]) == ({}, {"sent before": 4}, 0)
    assert await worker.stop() == 0


async def test_what_came_by_a_hook_goes_to_events_if_it_is_an_event(site: Site) -> None:
    await site.create_topics()

    def letter(value: bytes | None, source: bytes, reason: bytes = b"invalid") -> Published:
        headers = (("goldstream-reason", reason), ("goldstream-detail", b"-"), ("goldstream-source", source))
        return Published(value, b"k", headers=headers)

    letters = [
        letter(HOOKED, b"hook:shopify/main"),
        letter(b'{"id": 17}', b"hook:shopify/main"),
        letter(None, f"{site.topic('events')}:0:1".encode(), b"oversize"),
        letter(b"{}", b"elsewhere.v1:0:1"),
    ]
    await publish(site.kafka, site.topic("rejected"), letters)
    report = await _resent(site, "--yes")
    assert report["topics"] == {site.topic("events"): 1}
    assert report["skipped"] == {
        "no event, by a hook": 1,
        "without a value": 1,
        "of elsewhere.v1, which is no source topic here": 1,
    }
    (sent,) = await read(site.kafka, site.topic("events"))
    assert (sent.key, sent.value) == (b"k", HOOKED)
    assert [name for name, _ in sent.headers] == ["goldstream-resent"]
    assert (await _resent(site, "--source", "hook:shopify", "--yes"))["resent"] == 0
