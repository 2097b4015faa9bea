"""`goldstream advance`: its exit statuses, and that time never goes back; wrong usage is tested in test_cli.py."""

import json

import pytest

from tests.integration.worker import hostile_records as hostile
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import FinishedCommand, Site


@pytest.mark.timeout(120)
async def test_advance_repeats_with_0_and_time_never_goes_back(site: Site) -> None:
    site.settings["TIME"] = "event"
    worker = site.worker()
    await worker.ready()
    purchase = json.dumps(hostile.valid("purchases", "one")).encode()
    await publish(site.kafka, site.topic("purchases"), [Published(purchase)])
    said = f"all partitions of {site.prefix} have applied 2025-05-01T00:00:00.000Z\n"
    assert await site.command("advance", "--to", "2025-05-01T00:00:00Z") == FinishedCommand(0, said, ""), worker.log
    for to, cells in (
        ("2025-05-12T10:00:00Z", ["311"]),
        ("2025-07-11T09:59:59.999Z", ["311"]),
        ("2025-07-11T13:00:00+03:00", ["311", "211"]),
        ("2025-05-13T00:00:00Z", ["311", "211"]),
        ("2199-12-31T00:00:00Z", ["311", "211", "111"]),
        ("2199-12-31T00:00:00Z", ["311", "211", "111"]),
    ):
        await site.advance(to)
        changes = [json.loads(record.value) for record in await read(site.kafka, site.topic("segment-changes"))]
        assert [change["to_cell"] for change in changes] == cells, f"advanced to {to}"
    assert [change["effective_at"] for change in changes] == [
        "2025-05-12T10:00:00.000Z",
        "2025-07-11T10:00:00.000Z",
        "2025-11-08T10:00:00.000Z",
    ]


@pytest.mark.timeout(60)
async def test_advance_times_out_without_a_worker(site: Site) -> None:
    site.settings["TIME"] = "event"
    to = ("--to", "2026-01-01T00:00:00Z", "--timeout", "2s")
    nothing_there = await site.command("advance", *to)
    assert (nothing_there.status, nothing_there.errors.count("\n")) == (1, 1)
    assert site.topic("control") in nothing_there.errors
    await site.create_topics()
    given_up = await site.command("advance", *to)
    assert (given_up.status, given_up.errors.count("\n")) == (1, 1)
