"""Imports on Apache Kafka: repeated, longer, killed, interrupted: nothing counts twice, and nothing is missing."""

import dataclasses
import json
import random
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from streams.tables.order_ledger import decode_entry
from tests.lanes.memory_broker import by_key
from tests.records.kafka_records import Ends, Published, publish, read
from tests.running.terminal import Terminal
from tests.running.workers import Site, until

HEADER: Final = "Order,Customer,Date,Total,Refunded Amount\n"
OPTIONS: Final = ("--field", "amount=Total", "--field", "refunded=Refunded Amount", "--allow-anonymous")
CRASHING: Final = "tests.integration.importing.crashing_import"
SMALL_CHUNKS: Final = ("-m", CRASHING, "never", "1")
ENDS_AT: Final = "2026-12-31T00:00:00Z"


def export(orders: int, *, refunded_more: int = 0, newest_first: bool = False) -> str:
    """Return a shop's export: a third of the orders is anonymous, every fourth is refunded in part.

    Args:
        orders: how many there are.
        refunded_more: how much more has been refunded of every eighth order, in whole roubles.
        newest_first: whether later orders come first.
    """
    rows = []
    for number in range(orders):
        customer = "" if number % 3 == 0 else f"c-{number % 11}"
        refunded = (1 if number % 4 == 0 else 0) + (refunded_more if number % 8 == 0 else 0)
        day = f"2026-{number // 28 % 12 + 1:02}-{number % 28 + 1:02}"
        rows.append(f"{number},{customer},{day}T10:00:00Z,{100 + number}.00,{refunded}.00\n")
    return HEADER + "".join(reversed(rows) if newest_first else rows)


def under(site: Site, name: str) -> Site:
    """Return the same site with another prefix."""
    return dataclasses.replace(site, prefix=f"{site.prefix}-{name}", workers=site.workers)


def write(site: Site, content: str) -> None:
    Path(site.directory, "orders.csv").write_text(content)


async def imported(site: Site, *options: str) -> dict[str, Any]:
    """Import the export; return the report."""
    finished = await site.command("import", "orders.csv", *OPTIONS, "--json", *options)
    assert finished.status == 0, finished.errors
    report: dict[str, Any] = json.loads(finished.out)
    return report


async def events(site: Site) -> list[dict[str, Any]]:
    """Return everything that is published, by partition and offset."""
    records = await read(site.kafka, site.topic("events"))
    return [json.loads(each.value) for each in sorted(records, key=lambda each: (each.partition, each.offset))]


def known(report: dict[str, Any]) -> int:
    return sum(each["count"] for each in report["left_out"] if each["reason"] == "known")


async def daily_sums(site: Site) -> dict[tuple[str, str], Decimal]:
    """Fold everything with a worker; return what happened on each day: orders and sums, anonymous ones too.

    How the base stood at the end of a day depends on when a refund was published, and so does the number of refunds.
    """
    worker = site.worker()
    await worker.ready()
    await site.advance(ENDS_AT)
    assert await worker.stop() == 0
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for value in by_key(await read(site.kafka, site.topic("daily"))).values():
        day = json.loads(value)
        for each in ("orders", "gross", "refunds"):
            sums[day["day"], each] += Decimal(day[each])
            sums[day["day"], f"anonymous {each}"] += Decimal(day["anonymous"][each])
    return {key: total for key, total in sums.items() if total}


@pytest.fixture
def shop(site: Site) -> Site:
    site.settings |= {"TIME": "event", "PARTITIONS": "2"}
    return site


async def test_a_second_import_publishes_nothing(shop: Site) -> None:
    write(shop, export(40))
    first = await imported(shop)
    assert first["events"] == {"purchase": 40, "refund": 10}
    assert (first["orders"], first["anonymous"], first["refunds"]) == (40, 14, "10.00")
    published = await events(shop)
    assert len(published) == 50
    assert {each["import_id"] for each in published} == {first["import_id"]}
    assert all(each["backfill"] for each in published)
    write(shop, export(40, newest_first=True))
    second = await imported(shop)
    assert (second["events"], known(second)) == ({}, 40)  # a refund is in the row of its order
    assert second["gross"] == first["gross"]
    assert await events(shop) == published


async def test_a_longer_export_adds_new_orders_and_the_difference_of_grown_refunds(shop: Site) -> None:
    write(shop, export(40))
    await imported(shop)
    before = await events(shop)
    write(shop, export(44, refunded_more=2, newest_first=True))
    report = await imported(shop)
    assert report["events"] == {"purchase": 4, "refund": 6}
    added = [each for each in await events(shop) if each not in before]
    assert {each["order_id"] for each in added if each["type"] == "purchase"} == {"40", "41", "42", "43"}
    refunds = {each["refund_id"]: each["amount"] for each in added if each["type"] == "refund"}
    assert refunds == {
        **{f"{number}:refunded:3.00": "2.00" for number in (0, 8, 16, 24, 32)},
        "40:refunded:3.00": "3.00",
    }


async def test_a_dry_run_with_kafka_knows_what_was_imported(shop: Site) -> None:
    write(shop, export(12))
    await imported(shop)
    write(shop, export(14))
    report = await imported(shop, "--dry-run")
    assert report["events"] == {"purchase": 2, "refund": 1}
    assert len(await events(shop)) == 15


@pytest.mark.timeout(300)
async def test_an_import_that_is_killed_again_and_again_counts_everything_once(shop: Site, seed: int) -> None:
    undisturbed = under(shop, "whole")
    await undisturbed.create_topics()
    write(shop, export(200, refunded_more=3))
    await imported(undisturbed)
    await shop.create_topics()
    rng = random.Random(seed)
    steps = ["before:order-ledger", "acked:order-ledger", "before:events", "acked:events"] * 2
    rng.shuffle(steps)
    write(shop, export(200))
    for number, step in enumerate(steps):
        if number == len(steps) // 2:
            write(shop, export(200, refunded_more=3))
        times = rng.randint(1, 6)
        print(f"dies {step}, at moment {times}")
        command = ("import", str(shop.directory / "orders.csv"), *OPTIONS)
        await shop.killed_command(CRASHING, step, times, *command)
    await imported(shop)
    again = await imported(shop)
    assert again["events"] == {}
    sums = await daily_sums(shop)
    assert sum(count for (_, each), count in sums.items() if each == "orders") == 133
    assert sum(count for (_, each), count in sums.items() if each == "anonymous orders") == 67
    assert sums == await daily_sums(undisturbed)
    records = await read(shop.kafka, shop.topic("order-ledger"))
    assert all(decode_entry(value).announced is None for value in by_key(records).values())


async def test_ctrl_c_leaves_whole_chunks_and_the_same_command_adds_the_rest(shop: Site) -> None:
    write(shop, export(2_000))
    await shop.create_topics()
    arguments = ["import", "orders.csv", *OPTIONS, "--import-id", "may"]
    with Terminal(arguments, shop.directory, shop.environment(), program=SMALL_CHUNKS) as running:
        async with Ends(shop.kafka) as ends:

            async def has_begun() -> bool:
                return await ends.of(shop.topic("events")) > 0

            await until(has_begun, "the first events", every_s=0.005)
        running.interrupt()
        status, out = running.finish()
    assert status == 1, running.shown
    assert out.splitlines()[0] == "import may"
    assert "the same command with --import-id may adds the rest" in running.shown
    assert "Traceback" not in running.shown
    before = await events(shop)
    assert 0 < len(before) < 2_500
    assert len(before) % 20 == 0
    report = await imported(shop, "--import-id", "may")
    assert sum(report["events"].values()) + len(before) == 2_500
    published = await events(shop)
    assert len(published) == 2_500
    assert {each["import_id"] for each in published} == {"may"}


async def test_an_erased_customer_does_not_come_back_by_an_import(shop: Site) -> None:
    write(shop, export(40))
    await imported(shop)
    worker = shop.worker()
    await worker.ready()
    erasure = {"type": "erasure", "event_id": "x", "customer_id": "c-5", "occurred_at": "2026-12-01T00:00:00Z"}
    await publish(shop.kafka, shop.topic("events"), [Published(json.dumps(erasure).encode(), b"c-5")])

    async def is_gone() -> bool:
        records = await read(shop.kafka, shop.topic("order-ledger"))
        return "c-5" not in {decode_entry(value).customer_id for value in by_key(records).values()}

    await until(is_gone, "the customer to be gone from the order ledger")
    before = await events(shop)
    write(shop, export(44))
    report = await imported(shop)
    reasons = {each["reason"]: each["count"] for each in report["left_out"]}
    own = [number for number in range(40) if number % 3 and number % 11 == 5]
    assert reasons["erased"] == len(own)  # with their refunds, which are in the same rows
    added = [each for each in await events(shop) if each not in before]
    assert "c-5" not in {each.get("customer_id") for each in added}
    assert await worker.stop() == 0
