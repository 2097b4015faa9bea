"""Wall mode: immediate changes, lapses at their exact moments, and never over unread events."""

import json
import signal
import time
from itertools import pairwise
from typing import Any, Final

import pytest

from state.records.events import Tick, decode_record
from tests.oracle import moments, read_json
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import RunningWorker, Site, until

HOT_MS: Final = 4_320
COLD_MS: Final = 8_640
POLICY: Final = """\
name = "seconds"
version = 1
currency = "RUB"
window_days = 365
[recency_days]
edges = [0.00005, 0.0001]
[frequency]
edges = [2, 5]
[monetary]
edges = [5000, 20000]
[[segment]]
name = "hot"
when = { r = [3] }
[[segment]]
name = "warm"
when = { r = [2] }
[[segment]]
name = "cold"
when = { r = [1] }
"""


def _now() -> int:
    return int(time.time() * 1000)


def _purchase(customer: str, occurred_at: int, order: str = "1", **more: Any) -> Published:
    event = {
        "event_id": f"e-{customer}-{order}",
        "customer_id": customer,
        "occurred_at": moments.text(occurred_at),
        "order_id": f"{customer}-{order}",
        "amount": "100.00",
        "currency": "RUB",
    }
    return Published(json.dumps(event | more).encode(), customer.encode())


async def _changes(site: Site, customer: str) -> list[tuple[dict[str, Any], int]]:
    """Return a customer's changes with their publication times."""
    records = await read(site.kafka, site.topic("segment-changes"))
    return [(read_json(record.value), record.timestamp) for record in records if record.key == customer.encode()]


async def _after(site: Site, customer: str, count: int, within_s: float = 60.0) -> list[tuple[dict[str, Any], int]]:
    """Return a customer's changes once there are this many."""

    async def enough() -> list[tuple[dict[str, Any], int]]:
        changes = await _changes(site, customer)
        return changes if len(changes) >= count else []

    return await until(enough, f"change {count} of {customer}", within_s)


async def _live(site: Site, lateness: str = "1s") -> RunningWorker:
    """Start a worker in wall mode; return it once its watermark advances."""
    (site.directory / "policy.toml").write_text(POLICY)
    site.settings |= {"POLICY": str(site.directory / "policy.toml"), "LATENESS": lateness}
    worker = site.worker()
    await worker.ready()

    async def ticks() -> bool:
        return (await worker.metrics()).total("goldstream_ticks_total") > 0

    await until(ticks, "the first tick")
    return worker


@pytest.mark.timeout(150)
async def test_a_purchase_changes_at_once_and_lapses_at_the_exact_moment(site: Site) -> None:
    worker = await _live(site)
    for number in range(10):
        customer, occurred_at = f"c-{number}", _now()
        await publish(site.kafka, site.topic("purchases"), [_purchase(customer, occurred_at)])
        ((came, _), *_) = await _after(site, customer, 1)
        if came["to"] == "hot":
            break  # else the watermark had passed it before it was published (a slow machine): try another one
    changes = await _after(site, customer, 3)

    (came, came_at), (warm, warm_at), (cold, _) = changes
    assert (came["to"], came["effective_at"]) == ("hot", moments.text(occurred_at))
    assert came_at - occurred_at < 3_000, "well under a second on a machine that has nothing else to do"
    assert (warm["to"], warm["cause"], warm["effective_at"]) == (
        "warm",
        {"kind": "time"},
        moments.text(occurred_at + HOT_MS),
    )
    assert (cold["to"], cold["effective_at"]) == ("cold", moments.text(occurred_at + COLD_MS))
    assert [change["seq"] for change, _ in changes] == [1, 2, 3]
    assert 1_000 <= warm_at - (occurred_at + HOT_MS) < 6_000, "the lateness, and the step of the ticks"

    all_changes = [change for each in range(number + 1) for change, _ in await _changes(site, f"c-{each}")]
    lapses: int = sum(change["cause"]["kind"] == "time" for change in all_changes)

    async def counted() -> bool:
        return (await worker.metrics()).total("goldstream_due_lag_seconds_count") >= lapses

    await until(counted, "what is published to be counted")
    samples = await worker.metrics()
    assert samples.total("goldstream_due_lag_seconds_count") == lapses >= 2
    assert samples.total("goldstream_event_latency_seconds_count") == len(all_changes) - lapses == number + 1


@pytest.mark.timeout(150)
async def test_an_unread_purchase_prevents_the_lapse(site: Site) -> None:
    worker = await _live(site)
    for number in range(10):
        buys, goes = f"c-buys-{number}", f"c-goes-{number}"
        first = _now()
        await publish(site.kafka, site.topic("purchases"), [_purchase(name, first) for name in (buys, goes)])
        await _after(site, buys, 1)
        await _after(site, goes, 1)
        assert await worker.stop() == 0
        if len(await _changes(site, buys)) == len(await _changes(site, goes)) == 1:
            break
        worker.start()  # on a slow machine they may lapse before the stop: try another two
    second = first + HOT_MS - 1
    await publish(site.kafka, site.topic("purchases"), [_purchase(buys, second, "2")])

    async def is_past() -> bool:
        return _now() > second + HOT_MS

    await until(is_past, "the moment at which both would have lapsed")
    worker.start()
    (_, (gone, _), *_), (_, (stayed, _), *_) = await _after(site, goes, 2), await _after(site, buys, 2)
    assert gone["effective_at"] == moments.text(first + HOT_MS)
    assert (stayed["to"], stayed["effective_at"]) == ("warm", moments.text(second + HOT_MS))


@pytest.mark.timeout(150)
async def test_ticks_come_every_second_behind_the_clock_by_the_lateness(site: Site) -> None:
    worker = await _live(site, lateness="2s")

    async def enough() -> bool:
        return (await worker.metrics()).total("goldstream_ticks_total") >= 12

    await until(enough, "twelve ticks")
    ticks: dict[int, list[tuple[int, int]]] = {}
    for record in await read(site.kafka, site.topic("journal")):
        event = decode_record(record.value)
        if isinstance(event, Tick):
            ticks.setdefault(record.partition, []).append((event.at, record.timestamp))
    assert set(ticks) == {0, 1, 2, 3}
    for of_partition in ticks.values():
        assert all(written - at >= 2_000 for at, written in of_partition)
        steps = sorted(later - earlier for (_, earlier), (_, later) in pairwise(of_partition))
        assert steps[len(steps) // 2] <= 1_000, f"ticks came in steps of {steps} ms"
        assert of_partition == sorted(of_partition)

    async def lag() -> float:
        return (await worker.metrics()).total("goldstream_clock_lag_seconds", partition="0")

    assert 2.0 <= await until(lag, "the lag of time to be shown") < 8.0


@pytest.mark.timeout(150)
async def test_events_more_than_five_minutes_ahead_are_rejected(site: Site) -> None:
    await _live(site)
    now = _now()
    sent = [_purchase("c-ahead", now + 4 * 60_000), _purchase("c-future", now + 6 * 60_000)]
    await publish(site.kafka, site.topic("purchases"), sent)
    ((ahead, _),) = await _after(site, "c-ahead", 1)
    assert ahead["effective_at"] == moments.text(now + 4 * 60_000)

    async def rejected() -> list[Any]:
        return await read(site.kafka, site.topic("rejected"))

    (record,) = await until(rejected, "the one from the future")
    assert (record.value, dict(record.headers)["goldstream-reason"]) == (sent[1].value, b"future")
    assert not await _changes(site, "c-future")


@pytest.mark.timeout(150)
async def test_a_silent_source_stalls_the_watermark_and_is_named(site: Site) -> None:
    """One of two workers hangs: what is unread in its partitions is unknown."""
    workers = [await _live(site), site.worker()]
    await workers[1].ready()

    async def keeper() -> RunningWorker | None:
        before = [(await each.metrics()).total("goldstream_ticks_total") for each in workers]
        await until(lambda: _ticked(workers, before), "time to go on", every_s=0.2)
        after = [(await each.metrics()).total("goldstream_ticks_total") for each in workers]
        ticking = [each for each, was, is_ in zip(workers, before, after, strict=True) if is_ > was]
        return ticking[0] if len(ticking) == 1 else None

    ticking = await until(keeper, "one worker to write the ticks")
    assert ticking is not None
    (hung,) = (each for each in workers if each is not ticking)
    hung.child.signal(signal.SIGSTOP)
    try:

        async def lag() -> bool:
            return (
                max((await ticking.metrics()).by("goldstream_clock_lag_seconds", "partition").values(), default=0) > 6
            )

        await until(lag, "time to stand still", every_s=0.2)
        samples = await ticking.metrics()
        ((topic, partition),) = samples.by("goldstream_clock_held_by", "topic", "partition")
        own = samples.by("goldstream_source_time_lag_seconds", "topic", "partition")
        assert (topic, partition) not in own, "it is named, and it is one of the other worker's"
        assert topic.startswith(f"{site.prefix}.")
    finally:
        hung.child.signal(signal.SIGCONT)

    async def goes_on() -> bool:
        return max((await ticking.metrics()).by("goldstream_clock_lag_seconds", "partition").values(), default=9) < 4

    await until(goes_on, "time to go on", every_s=0.2)


async def _ticked(workers: list[RunningWorker], before: list[float]) -> bool:
    return [(await each.metrics()).total("goldstream_ticks_total") for each in workers] != before
