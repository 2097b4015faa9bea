"""`goldstream replay --into`: the journal under another prefix, and what its workers publish."""

import asyncio
import dataclasses
import json
import random
import time
from typing import Final

import pytest

from streams.defaults import policy_text
from tests.integration.replay.replay_history import (
    DOLLARS,
    PARTITIONS,
    TENGE,
    PublishedOutputs,
    after_erasures,
    apply_other_policy,
    assert_partitioned,
    assert_same,
    erasure,
    expected_outputs,
    journal,
    live,
    make_events,
    read_outputs,
    set_up_year,
    without_erased,
    without_own_rates,
)
from tests.oracle import Oracle, moments
from tests.records.kafka_records import Ends, Published, publish, read
from tests.retail.comparison import assert_published
from tests.retail.year import DAY_MS, Event
from tests.running.workers import Site, until

LAPSE_MS: Final = 8_640
"""How long one is loyal to a shop that counts in seconds; a whole part of a day."""


def under(site: Site, prefix: str, **settings: str) -> Site:
    """Return the same site under another prefix."""
    (directory := site.directory / prefix).mkdir(exist_ok=True)
    return dataclasses.replace(
        site, prefix=prefix, directory=directory, settings=site.settings | settings, workers=site.workers
    )


async def replayed(site: Site, into: str, *options: str) -> str:
    """Run the command; return its output."""
    ended = await site.command("replay", "--into", into, *options)
    assert ended.status == 0, ended.errors
    return ended.out


@pytest.mark.timeout(300)
async def test_a_replay_publishes_the_same_for_all_but_erased_customers(site: Site, seed: int) -> None:
    year = set_up_year(site, 600, seed)
    await make_events(site)
    worker = site.worker()
    await worker.ready()
    first, *rest = year.waves(4)
    await live(site, [first], year, seed)
    await apply_other_policy(site)
    await live(site, rest, year, seed + 1)
    await site.advance(year.ends_at)
    assert await worker.stop() == 0
    original = await read_outputs(site.kafka, site.prefix)
    assert any(value is None for records in original.values() for _, (value, _) in records), "no customer was erased"

    for partitions in (PARTITIONS, 8):  # fewer partitions, and numbers without a common divisor, are in other tests
        there = under(site, f"{site.prefix}-{partitions}")
        output = await replayed(site, there.prefix, "--partitions", str(partitions))
        assert f"written to {partitions}" in output
        worker = there.worker()
        await worker.ready()
        await there.advance(year.ends_at)
        assert await worker.stop() == 0
        assert_same(await read_outputs(site.kafka, there.prefix), after_erasures(original))
        await assert_partitioned(site.kafka, there.prefix, partitions)


@pytest.mark.timeout(300)
async def test_a_killed_replay_is_repeated_with_the_same_result(site: Site, seed: int) -> None:
    year = set_up_year(site, 600, seed)
    await make_events(site)
    worker = site.worker()
    await worker.ready()
    await live(site, year.waves(2), year, seed)
    await site.advance(year.ends_at)
    assert await worker.stop() == 0
    await replayed(site, f"{site.prefix}-whole", "--partitions", "6")

    there = under(site, f"{site.prefix}-cut")
    options = ("replay", "--into", there.prefix, "--partitions", "6")
    rng = random.Random(seed)
    for step in ("acked:erasure-ledger", "before:journal", "acked:journal", "acked:journal", "acked:source-times"):
        times = 1 if step.endswith(("ledger", "times")) else rng.randint(2, 6)  # of some 40 in all
        print(f"dies {step}, at moment {times}")
        await site.killed_command("tests.integration.replay.crashing_replay", step, times, *options)
    worker = there.worker()
    await worker.wait_for_log(f"waiting until the replay of {site.prefix} into {there.prefix} has ended")
    await replayed(site, there.prefix, "--partitions", "6")
    await worker.ready()
    assert await worker.stop() == 0
    cut, whole = await journal(site.kafka, there.prefix), await journal(site.kafka, f"{site.prefix}-whole")
    for partition, records in whole.items():  # after these, the worker may have written more
        assert cut[partition][: len(records)] == records


@pytest.mark.timeout(300)
async def test_the_new_workers_continue_where_killed_ones_stopped(site: Site, seed: int) -> None:
    year = set_up_year(site, 700, seed)
    expected = asyncio.create_task(asyncio.to_thread(Oracle(site.prefix).run, list(year.steps())))
    await make_events(site, partitions=1)
    first, second = year.waves(2)
    worker = site.worker()
    published = asyncio.create_task(publish(site.kafka, site.topic("events"), first))
    async with Ends(site.kafka) as ends:

        async def under_way() -> bool:
            return await ends.of(site.topic("segment-changes")) >= 500

        await until(under_way, "500 changes", every_s=0.005)
    worker.kill()
    await published

    there = under(site, f"{site.prefix}-next", SOURCES=site.prefix)
    await replayed(site, there.prefix, "--partitions", "3")
    await publish(site.kafka, site.topic("events"), second)
    worker = there.worker()
    await worker.ready()
    await there.advance(year.ends_at)
    should = after_erasures(expected_outputs(await expected))
    assert_same(after_erasures(await read_outputs(site.kafka, there.prefix)), should)
    assert await worker.stop() == 0


@pytest.mark.timeout(300)
async def test_a_repeated_replay_adds_new_events_and_erasures(site: Site, seed: int) -> None:
    year = set_up_year(site, 500, seed)
    await make_events(site)
    worker = site.worker()
    await worker.ready()
    first, second = year.waves(2)
    await live(site, [first], year, seed)
    there = under(site, f"{site.prefix}-next")
    await replayed(site, there.prefix, "--partitions", "6")
    await live(site, [second], year, seed + 1)
    outputs = await read_outputs(site.kafka, site.prefix)
    chosen = random.Random(seed).sample(
        sorted(customer for topic, customer in outputs if topic == "segment-changes"), 30
    )
    await publish(site.kafka, site.topic("events"), [erasure(customer, year.ends_at) for customer in chosen])
    await site.advance(year.ends_at)
    assert await worker.stop() == 0

    await replayed(site, there.prefix, "--partitions", "6")
    worker = there.worker()
    await worker.ready()
    await there.advance(year.ends_at)
    assert await worker.stop() == 0
    new, old = await read_outputs(site.kafka, there.prefix), await read_outputs(site.kafka, site.prefix)
    assert_same(after_erasures(new), after_erasures(old))
    known = {record.key for record in first if record.key}
    for customer in chosen:
        records = new.get(("segment-changes", customer), [])
        assert not records or records[-1] == old["segment-changes", customer][-1], customer
        assert records or customer.encode() not in known or _erased_before(outputs, customer), customer


def _erased_before(outputs: PublishedOutputs, customer: str) -> bool:
    return any(value is None for _, (value, _) in outputs["segment-changes", customer])


@pytest.mark.timeout(300)
async def test_another_currency_and_window_give_what_they_would_have_given_from_the_start(
    site: Site, seed: int
) -> None:
    year = without_erased(without_own_rates(set_up_year(site, 700, seed)))
    await make_events(site)
    policy, campaigns = site.directory / "dollars.toml", site.directory / "campaigns.toml"
    (site.directory / "policy.toml").write_text(TENGE)
    policy.write_text(DOLLARS)
    await publish(site.kafka, site.topic("events"), year.records)
    steps = [{"type": "policy", "text": DOLLARS}, *list(year.steps())[1:]]
    expected = asyncio.create_task(asyncio.to_thread(Oracle(site.prefix).run, steps))
    worker = site.worker()
    await worker.ready()
    await site.advance(year.ends_at)
    assert await worker.stop() == 0

    there = under(site, f"{site.prefix}-usd")
    options = ("--partitions", "5", "--policy", str(policy), "--campaigns", str(campaigns))
    assert "dollars@1 is active" in await replayed(site, there.prefix, *options)
    worker = there.worker()
    await worker.ready()
    await there.advance(year.ends_at)
    await assert_published(site.kafka, there.prefix, await expected, 5)
    assert await worker.stop() == 0


@pytest.mark.timeout(200)
async def test_a_replay_without_an_import_gives_what_the_rest_would_have_given(site: Site, seed: int) -> None:
    """The import is one of every third event of the year, chosen by customer so that ids of changes stay the same."""
    year = without_erased(set_up_year(site, 200, seed))
    await make_events(site)
    records = [_of_import(record, "wrong.csv") if _is_third(record) else record for record in year.records]
    await publish(site.kafka, site.topic("events"), records)
    rest = [
        event for event in year.events if not event.get("customer_id") or not _is_third_customer(event["customer_id"])
    ]
    steps = [*list(year.steps())[:2], *rest, {"type": "tick", "at": year.ends_at}]
    expected = asyncio.create_task(asyncio.to_thread(Oracle(site.prefix).run, steps))
    worker = site.worker()
    await worker.ready()
    await site.advance(year.ends_at)
    assert await worker.stop() == 0

    there = under(site, f"{site.prefix}-right")
    unknown = await site.command("replay", "--into", there.prefix, "--without-import", "wronk.csv")
    assert (unknown.status, unknown.errors.count("\n")) == (1, 1)
    assert "has the import id wronk.csv; it has wrong.csv (" in unknown.errors
    assert " of imports left out; " in await replayed(site, there.prefix, "--without-import", "wrong.csv")
    other = await site.command("replay", "--into", there.prefix)
    assert (other.status, other.errors.count("\n")) == (1, 1)
    assert "was started with --without-import wrong.csv" in other.errors
    worker = there.worker()
    await worker.ready()
    await there.advance(year.ends_at)
    await assert_published(site.kafka, there.prefix, await expected, PARTITIONS)
    assert await worker.stop() == 0


def _is_third_customer(customer_id: str) -> bool:
    return sum(customer_id.encode()) % 3 == 0


def _is_third(record: Published) -> bool:
    return record.key is not None and _is_third_customer(record.key.decode("utf-8", "replace"))


def _of_import(record: Published, import_id: str) -> Published:
    """Return the record as an event of an import; unchanged if it is none."""
    try:
        event = json.loads(record.value or b"")
    except ValueError:
        return record
    return record._replace(value=json.dumps(event | {"import_id": import_id}).encode())


@pytest.mark.timeout(200)
async def test_what_cannot_be_replayed_is_refused_and_nothing_is_written(site: Site, seed: int) -> None:
    nothing_there = await site.command("replay", "--into", f"{site.prefix}-next")
    assert (nothing_there.status, nothing_there.errors.count("\n")) == (1, 1)
    assert site.topic("control") in nothing_there.errors

    year = set_up_year(site, 60, seed)
    await make_events(site)
    await publish(site.kafka, site.topic("events"), year.records)
    worker = site.worker()
    await worker.ready()
    await site.advance(year.ends_at)
    assert await worker.stop() == 0
    euros = site.directory / "euros.toml"
    euros.write_text(DOLLARS.replace("dollars", "euros").replace('"USD"', '"EUR"').split("[rates]")[0])
    others = site.directory / "others.toml"
    others.write_text((site.directory / "campaigns.toml").read_text().replace("version = 2", "version = 3"))
    next_prefix = f"{site.prefix}-next"
    for says, *options in (
        ("rates must list KZT", "--into", next_prefix, "--policy", str(euros)),
        ("run the command again to continue it", "--into", f"{next_prefix}-late", "--timeout", "1ms"),
    ):
        ended = await site.command("replay", *options)
        assert (ended.status, ended.out) == (1, "")
        assert says in ended.errors
        assert "Traceback" not in ended.errors

    await replayed(site, next_prefix, "--partitions", "2")
    for says, *options in (
        ("other policies or campaigns", "--campaigns", str(others)),
        ("has 2 partitions, not 3", "--partitions", "3"),
    ):
        refused = await site.command("replay", "--into", next_prefix, *options)
        assert (refused.status, refused.errors.count("\n")) == (1, 1)
        assert says in refused.errors
    there = under(site, next_prefix)
    worker = there.worker()
    await worker.ready()

    async def has_control() -> bool:
        return any(record.key == b"control:0" for record in await read(site.kafka, there.topic("source-times")))

    await until(has_control, "the worker to have control")
    again = await site.command("replay", "--into", next_prefix)
    assert (again.status, again.errors.count("\n")) == (1, 1)
    assert f"workers have started under {next_prefix}" in again.errors
    back = await site.command("replay", "--into", site.prefix, PREFIX=next_prefix)
    assert (back.status, back.errors.count("\n")) == (1, 1)
    assert f"{site.prefix} is in use" in back.errors


@pytest.mark.timeout(200)
async def test_no_customer_lapses_over_a_purchase_made_during_the_replay(site: Site) -> None:
    """The changes are those of the two purchases, however long the replay takes."""
    policy = policy_text().replace("[60, 180]", f"[{LAPSE_MS / DAY_MS:.8f}, 1]")
    (site.directory / "policy.toml").write_text(policy)
    site.settings |= {"POLICY": str(site.directory / "policy.toml"), "LATENESS": "500ms", "PARTITIONS": "2"}
    worker = site.worker()
    await worker.ready()
    first = purchase_now("1")
    await publish(site.kafka, site.topic("purchases"), [Published(json.dumps(first).encode(), b"c")])

    async def changes_of(place: Site, count: int) -> list[tuple[str, object]]:
        changes = (await read_outputs(site.kafka, place.prefix)).get(("segment-changes", "c"), [])
        return changes if len(changes) >= count else []

    await until(lambda: changes_of(site, 1), "the first change")
    assert await worker.stop() == 0
    there = under(site, f"{site.prefix}-next", SOURCES=site.prefix)
    await replayed(site, there.prefix, "--partitions", "3")
    second = purchase_now("2")
    await publish(site.kafka, site.topic("purchases"), [Published(json.dumps(second).encode(), b"c")])

    async def the_first_is_old() -> bool:
        return time.time() * 1000 > moments.parse(first["occurred_at"]) + LAPSE_MS

    await until(the_first_is_old, "the first purchase to be old")
    steps = [{"type": "policy", "text": policy}, *({**each, "type": "purchase"} for each in (first, second))]
    end = moments.text(moments.parse(second["occurred_at"]) + LAPSE_MS)
    expected = expected_outputs(Oracle(site.prefix).run([*steps, {"type": "tick", "at": end}]))["segment-changes", "c"]
    worker = there.worker()
    await worker.ready()
    assert await until(lambda: changes_of(there, len(expected)), "the lapse") == expected
    assert await worker.stop() == 0


def purchase_now(order: str) -> Event:
    """Return what a till publishes now."""
    at = moments.text(int(time.time() * 1000))
    event = {"event_id": order, "order_id": order, "customer_id": "c", "amount": "1.00", "currency": "RUB"}
    return event | {"occurred_at": at}
