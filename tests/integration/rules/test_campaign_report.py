"""`goldstream campaigns report` on Apache Kafka: all partitions, repeats, days, and errors without outcomes."""

import json
from typing import Any, Final

import msgspec

from agents.serve.lookups.campaign_reports import FRESH_SECONDS, CampaignReports
from streams.settings.settings import load_settings
from tests.lanes.clock import ManualClock
from tests.records.kafka_records import Published, publish
from tests.records.outcomes import make_outcome
from tests.running.workers import Site
from tests.servers.topics import make_topic

PARTITIONS: Final = 3


def _outcome(customer_id: str, number: int, group: str, net: str, **others: object) -> Published:
    """Return an outcome as a worker publishes it."""
    cost, orders = "4.00" if group == "treated" else "0.00", int(net != "0.00")
    outcome = make_outcome(customer_id, group, trigger="birthday", cost=cost, orders=orders, net=net)
    outcome = msgspec.structs.replace(outcome, **others)
    ce_id = f"{customer_id}:{number}:{outcome.campaign}:outcome"
    return Published(msgspec.json.encode(outcome), customer_id.encode(), headers=(("ce_id", ce_id.encode()),))


async def _report(site: Site, *arguments: str) -> dict[str, Any]:
    ended = await site.command("campaigns", "report", "--json", *arguments)
    assert ended.status == 0, ended.errors
    report: dict[str, Any] = json.loads(ended.out)
    return report


async def _refusal(site: Site, *arguments: str) -> str:
    ended = await site.command("campaigns", "report", *arguments)
    assert (ended.status, ended.out, ended.errors.count("\n")) == (1, "", 1), ended
    return ended.errors


async def test_it_reports_all_partitions_and_counts_repeats_once(site: Site) -> None:
    topic = site.topic("outcomes")
    assert f"topic {topic} does not exist; start a worker" in await _refusal(site)
    await make_topic(site.kafka, topic, PARTITIONS)
    nothing = await site.command("campaigns", "report")
    assert (nothing.status, nothing.errors) == (0, "")
    assert nothing.out.startswith(f"{topic} has no outcomes yet: an outcome is published `attribution_days`")
    assert (await _report(site))["campaigns"] == []

    outcomes = [_outcome(f"c-{number}", 4, "treated", f"{number % 4 * 500}.00") for number in range(80)]
    outcomes += [_outcome(f"h-{number}", 4, "holdout" if number % 2 else "control", "0.00") for number in range(40)]
    other = _outcome("c-1", 9, "treated", "7.00", campaign="thanks", from_at="2026-05-13T00:00:00.000Z")
    await publish(site.kafka, topic, [*outcomes, *outcomes[::3], other])

    report = await _report(site)
    assert (report["first"], report["last"], report["repeats"]) == ("2026-05-12", "2026-05-13", 40)
    thanks, win_back = report["campaigns"]
    assert (thanks["campaign"], thanks["verdict"], thanks["treated"]["net"]) == ("thanks", "nobody held back", "7.00")
    assert win_back["begun"] == {"treated": 80, "holdout": 20, "control": 20}
    assert (win_back["cost"], win_back["treated"]["net"], win_back["treated"]["response"]) == (
        "320.00",
        "60000.00",
        0.75,
    )
    assert win_back["treated"]["net_per_head"] == "750.00"
    assert win_back["roi"]["value"] == (60_000 - 320) / 320
    assert win_back["verdict"] == "difference"

    assert [each["campaign"] for each in (await _report(site, "--from", "2026-05-13"))["campaigns"]] == ["thanks"]
    assert [each["campaign"] for each in (await _report(site, "--to", "2026-05-12"))["campaigns"]] == ["win-back"]
    outside = await site.command("campaigns", "report", "--from", "2026-05-14", "--to", "2026-06-01")
    refusal = outside.out
    assert outside.status == 0
    assert (
        "entry from 2026-05-14 to 2026-06-01; it has outcomes from 2026-05-12 to 2026-05-13; choose other days"
        in refusal
    )

    drawn = await site.command("campaigns", "report")
    assert (drawn.status, drawn.errors) == (0, "")
    assert "  net per entry               750.00           0.00" in drawn.out
    assert "  More response, more revenue." in drawn.out


async def test_a_server_reads_outcomes_again_only_if_there_are_new_ones(site: Site) -> None:
    clock, topic = ManualClock(), site.topic("outcomes")
    reports = CampaignReports(load_settings(environ=site.environment()), clock)
    assert await reports.report(None, None) is None
    await make_topic(site.kafka, topic, PARTITIONS)
    await publish(site.kafka, topic, [_outcome("c-1", 1, "treated", "10.00")])
    assert await reports.report(None, None) is None  # nobody has looked for ten seconds
    clock.advance(FRESH_SECONDS)
    first = await reports.report(None, None)
    assert first is not None
    assert first.campaigns[0].treated.entries == 1
    clock.advance(FRESH_SECONDS)
    assert await reports.report(None, None) is first
    assert reports.stored(FRESH_SECONDS) == (True, first)
    await publish(site.kafka, topic, [_outcome("c-2", 1, "treated", "10.00")])
    clock.advance(FRESH_SECONDS)
    assert reports.stored(FRESH_SECONDS) == (False, None)
    second = await reports.report(None, None)
    assert second is not None
    assert second.campaigns[0].treated.entries == 2
