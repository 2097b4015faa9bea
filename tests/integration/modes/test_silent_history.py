"""Wall mode: imported history starts no campaign; who really lapses afterwards gets the message."""

import json
import time
from collections import defaultdict
from typing import Any, Final

import pytest

from streams.kafka.control import ControlRecord, decode_control
from tests.integration.modes.test_wall_time import POLICY
from tests.oracle import moments, read_json
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import Site, until

CUSTOMERS: Final = 200
YEAR_MS: Final = 365 * moments.DAY_MS
CAMPAIGNS: Final = """\
name = "seconds"
version = 1
[[campaign]]
name = "win-back"
topic = "reactivations"
to = ["cold"]
requires_consent = false
attempts = [{ after_days = 0, template = "we-miss-you" }]
[[campaign]]
name = "hello"
topic = "offers"
to = ["hot"]
requires_consent = false
attempts = [{ after_days = 0, template = "hello" }]
"""


def _purchase(customer: str, occurred_at: int, order: str, **more: Any) -> Published:
    fields = {"type": "purchase", "event_id": f"e-{order}", "customer_id": customer, "order_id": order} | more
    fields |= {"occurred_at": moments.text(occurred_at), "amount": "100.00", "currency": "RUB"}
    return Published(json.dumps(fields).encode(), customer.encode())


def _history(now_ms: int, **more: Any) -> list[Published]:
    """Return three purchases of each customer, in years that are over."""
    ages_ms = [(3 - year) * YEAR_MS + number * 60_000 for year in range(3) for number in range(CUSTOMERS)]
    return [
        _purchase(f"c-{index % CUSTOMERS}", now_ms - age_ms, f"o-{index}", **more)
        for index, age_ms in enumerate(sorted(ages_ms, reverse=True))
    ]


def _configure(site: Site, campaigns: str) -> None:
    for setting, text in (("POLICY", POLICY), ("CAMPAIGNS", campaigns)):
        file = site.directory / f"{setting.lower()}.toml"
        file.write_text(text)
        site.settings[setting] = str(file)
    site.settings["LATENESS"] = "500ms"


async def _values(site: Site, topic: str) -> dict[str, list[dict[str, Any]]]:
    """Return the values on a topic by customer."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in await read(site.kafka, site.topic(topic)):
        found[record.key.decode()].append(read_json(record.value))
    return found


async def _wait_until_cold(site: Site, customers: int) -> dict[str, list[dict[str, Any]]]:
    """Return the changes once so many customers are cold."""

    async def all_are_cold() -> dict[str, list[dict[str, Any]]]:
        changes = await _values(site, "segment-changes")
        is_done = len(changes) >= customers and all(each[-1]["to"] == "cold" for each in changes.values())
        return changes if is_done else {}

    return await until(all_are_cold, f"{customers} cold customers", within_s=90)


async def _control(site: Site) -> list[ControlRecord]:
    """Return the campaigns records of `control`."""
    records = [decode_control(each.value, each.offset) for each in await read(site.kafka, site.topic("control"))]
    return [each for each in records if each is not None and each.kind == "campaigns"]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("imported", ["before the first start", "while a worker runs"])
async def test_no_reactivation_is_sent_for_lapses_of_imported_years(site: Site, imported: str) -> None:
    """Only the horizon keeps the campaigns from starting: they have no beginning."""
    _configure(site, CAMPAIGNS.replace("version = 1", 'version = 1\nstarts_at = "always"', 1))
    await site.create_topics()
    history = _history(int(time.time() * 1000), backfill=True, import_id="years.csv")
    reached = set[str]()
    if imported == "before the first start":
        await publish(site.kafka, site.topic("events"), history)
    worker = site.worker()
    await worker.ready()
    if imported == "while a worker runs":
        await publish(site.kafka, site.topic("events"), [_purchase("live", int(time.time() * 1000), "live")])
        reached.add("live")
        await _wait_until_cold(site, 1)
        await publish(site.kafka, site.topic("events"), history)
    await _wait_until_cold(site, CUSTOMERS + len(reached))
    for number in range(10):
        recent = _purchase(f"recent-{number}", int(time.time() * 1000), f"recent-{number}", backfill=True)
        await publish(site.kafka, site.topic("events"), [recent])
        changes = await _wait_until_cold(site, CUSTOMERS + len(reached) + number + 1)
        if not changes[f"recent-{number}"][-1]["backfill"]:
            break  # else it was admitted after its lapse (a slow machine): try another one
    reached.add(f"recent-{number}")

    async def reactivated() -> set[str]:
        found = set(await _values(site, "reactivations"))
        return found if reached <= found else set()

    assert await until(reactivated, "the message to who lapsed after the import") == reached
    assert set(await _values(site, "offers")) <= {"live"}
    last = changes[f"recent-{number}"][-1]
    assert (last["backfill"], last["cause"], last["to"]) == (False, {"kind": "time"}, "cold")
    of_history = [change for customer, each in changes.items() if customer.startswith("c-") for change in each]
    assert all(change["backfill"] for change in of_history)
    by_time = {"time"} if imported == "before the first start" else set()  # the watermark was in those years
    assert {change["cause"]["kind"] for change in of_history} == {"purchase", *by_time}
    suppressed = await _values(site, "suppressions")
    reasons = {each["reason"] for customer in suppressed if customer.startswith("c-") for each in suppressed[customer]}
    assert reasons == {"backfill"}
    assert await worker.stop() == 0


@pytest.mark.timeout(240)
async def test_what_nobody_marked_as_history_is_silent_before_the_campaigns_beginning(site: Site) -> None:
    """A new version keeps the beginning, another file has its own, and a replay copies both or sets its own."""
    _configure(site, CAMPAIGNS)
    await site.create_topics()
    before_ms = int(time.time() * 1000)
    await publish(site.kafka, site.topic("events"), _history(before_ms))
    worker = site.worker()
    await worker.ready()
    started_ms = int(time.time() * 1000)
    await publish(site.kafka, site.topic("events"), [_purchase("live", started_ms, "live")])
    changes = await _wait_until_cold(site, CUSTOMERS + 1)
    assert not any(change["backfill"] for each in changes.values() for change in each)

    async def reactivated() -> set[str]:
        return set(await _values(site, "reactivations"))

    assert await until(reactivated, "the message to who lapsed now") == {"live"}
    assert set(await _values(site, "offers")) <= {"live"}

    (first,) = await _control(site)
    assert first.begins_at is not None
    assert before_ms <= first.begins_at <= started_ms
    for name, version in (("seconds", 2), ("minutes", 1)):
        text = CAMPAIGNS.replace('"seconds"\nversion = 1', f'"{name}"\nversion = {version}', 1)
        (site.directory / "next.toml").write_text(text)
        applied = await site.command("campaigns", "apply", "next.toml", "--yes")
        assert applied.status == 0, applied.errors
    _, second, other = await _control(site)
    assert second.begins_at == first.begins_at
    assert other.begins_at is not None
    assert other.begins_at > started_ms
    assert await worker.stop() == 0

    copied, given = f"{site.prefix}-copied", f"{site.prefix}-given"
    for prefix, *options in ((copied,), (given, "--campaigns", "next.toml")):
        replayed = await site.command("replay", "--into", prefix, *options)
        assert replayed.status == 0, replayed.errors
    begun = [each.begins_at for each in (first, second, other)]
    assert [each.begins_at for each in await _control(_under(site, copied))] == begun
    (own,) = await _control(_under(site, given))
    assert own.begins_at is not None
    assert own.begins_at > other.begins_at


def _under(site: Site, prefix: str) -> Site:
    return Site(site.kafka, prefix, site.directory, site.settings)
