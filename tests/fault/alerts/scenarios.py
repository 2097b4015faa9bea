"""What causes each alert, and what ends it.

A scenario yields observations: the alert, the cause, and the seconds until it fired or ended.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

import aiohttp

from tests.fault.alerts.scene import SECONDS, Scene, purchase
from tests.running.http_servers import RunningServer, start_server
from tests.running.workers import RunningWorker, until

STILL: Final = 7200.0
"""Seconds for which a lane hangs."""


class Observation(NamedTuple):
    """An observation."""

    alert: str
    done: str
    seconds: float
    ended: bool = False


Play = Callable[[Scene], AsyncGenerator[Observation]]


async def workers_die(scene: Scene) -> AsyncGenerator[Observation]:
    """One of two workers is frozen, then both are killed."""
    first, second = await scene.worker(at=0), await scene.worker(at=1)
    await scene.ends("GoldstreamWorkerUnreachable")  # while the second was not there yet
    with scene.frozen(second):
        yield Observation(
            "GoldstreamWorkerUnreachable", "one of two workers frozen", await scene.fires("GoldstreamWorkerUnreachable")
        )
    yield Observation(
        "GoldstreamWorkerUnreachable", "continued", await scene.ends("GoldstreamWorkerUnreachable"), ended=True
    )
    first.kill()
    second.kill()
    yield Observation("GoldstreamDown", "both workers killed", await scene.fires("GoldstreamDown"))
    await scene.worker(at=0)
    yield Observation("GoldstreamDown", "one started", await scene.ends("GoldstreamDown"), ended=True)


async def broker_refuses(scene: Scene) -> AsyncGenerator[Observation]:
    """The broker refuses the customers changelog; then it is killed, and returns."""
    assert scene.own_kafka is not None
    worker = await scene.worker()
    await worker.ready()
    async with scene.publishing("purchases", purchase, 2):
        await until(lambda: _changes_are_told(worker), "changes", within_s=120)
        await scene.largest_record("customers", 50)
        for alert in ("GoldstreamDeliveryFailures", "GoldstreamStageRestarting"):
            yield Observation(alert, "the broker takes no record of `customers`", await scene.fires(alert))
    await asyncio.to_thread(scene.own_kafka.kill)
    alert = "GoldstreamStageDown"
    yield Observation(alert, "the broker killed while the stage restarted", await scene.fires(alert))
    await asyncio.to_thread(scene.own_kafka.start)
    await scene.largest_record("customers", 1 << 20)
    yield Observation(alert, "the broker started, and takes everything again", await scene.ends(alert), ended=True)
    await until(lambda: _watermarks_are_current(scene), "time to come", within_s=180)
    await asyncio.to_thread(scene.own_kafka.kill)
    alert = "GoldstreamNoTicks"
    yield Observation(alert, "the broker killed while nothing was published", await scene.fires(alert))
    await asyncio.to_thread(scene.own_kafka.start)
    yield Observation(alert, "the broker started", await scene.ends(alert), ended=True)


async def recovery_hangs(scene: Scene) -> AsyncGenerator[Observation]:
    """A worker restarts, and the recovery of one of its two partitions hangs."""
    worker = await scene.worker()
    now = f'count by (job) (count by (job, partition) (goldstream_clock_time_seconds{{job="{scene.job}"}}))'
    seen = f"max_over_time({now}[1h:1m])"

    async def both_seen() -> bool:
        return await scene.prometheus.value(seen) == 2

    await until(both_seen, "Prometheus to have seen both partitions", within_s=180, every_s=2)
    await worker.stop()
    worker = await scene.worker(delays={"recover:journal:1": STILL})
    for alert in ("GoldstreamPartitionsUnowned", "GoldstreamRecoverySlow"):
        yield Observation(alert, "the recovery of one partition hangs", await scene.fires(alert))
    worker.kill()
    await scene.worker()
    for alert in ("GoldstreamPartitionsUnowned", "GoldstreamRecoverySlow"):
        yield Observation(alert, "the worker restarted", await scene.ends(alert), ended=True)


async def ticks_end(scene: Scene) -> AsyncGenerator[Observation]:
    """The only worker with `admit` is killed; one with `segment` continues."""
    admit = await scene.worker("--only", "admit", at=0)
    await (await scene.worker("--only", "segment", at=1)).ready()
    async with scene.publishing("purchases", purchase, 1):
        await until(lambda: _watermarks_are_current(scene), "time to come", within_s=120)
        admit.kill()
        yield Observation(
            "GoldstreamNoTicks", "the only worker with admit killed", await scene.fires("GoldstreamNoTicks")
        )
        await scene.worker("--only", "admit", at=0)
        yield Observation("GoldstreamNoTicks", "it started again", await scene.ends("GoldstreamNoTicks"), ended=True)


async def watermark_stalls(scene: Scene) -> AsyncGenerator[Observation]:
    """One source partition is processed slowly."""
    worker = await scene.worker("--only", "admit", at=0)
    await scene.worker("--only", "segment", at=1)
    async with scene.publishing("purchases", purchase, 5):
        await until(lambda: _watermarks_are_current(scene), "time to come", within_s=120)
        await worker.stop()
        worker = await scene.worker("--only", "admit", at=0, delays={"process:purchases:*": 200.0})
        yield Observation(
            "GoldstreamTimeHeldBack",
            "a source partition worked off slowly",
            await scene.fires("GoldstreamTimeHeldBack"),
        )
        reason = (
            f'goldstream_clock_held_by{{job="{scene.job}", reason="unread", topic="{scene.site.topic("purchases")}"}}'
        )
        assert await scene.prometheus.value(reason) == 1, "the reason is exposed"
        worker.kill()
        await scene.worker("--only", "admit", at=0)
        yield Observation(
            "GoldstreamTimeHeldBack", "its worker restarted", await scene.ends("GoldstreamTimeHeldBack"), ended=True
        )


async def lane_is_behind(scene: Scene) -> AsyncGenerator[Observation]:
    """One of two lanes takes minutes for each batch."""
    worker = await scene.worker()
    await until(lambda: _watermarks_are_current(scene), "time to come", within_s=120)
    await worker.stop()
    worker = await scene.worker(delays={"process:journal:1": 300.0})
    yield Observation(
        "GoldstreamLaneBehind", "one lane takes minutes for a batch", await scene.fires("GoldstreamLaneBehind")
    )
    worker.kill()
    await scene.worker()
    yield Observation(
        "GoldstreamLaneBehind", "its worker restarted", await scene.ends("GoldstreamLaneBehind"), ended=True
    )


async def writing_is_slow(scene: Scene) -> AsyncGenerator[Observation]:
    """Every batch of the journal takes two seconds, while customers buy and fall due."""
    policy = scene.directory / "seconds.toml"
    policy.write_text(SECONDS)
    await scene.worker(delays={"process:journal:*": 2.0}, POLICY=str(policy), LATENESS="1s")
    async with scene.publishing("purchases", purchase, 3):
        for alert in ("GoldstreamDueLagHigh", "GoldstreamEventLatencyHigh"):
            yield Observation(alert, "every batch of the journal two seconds late", await scene.fires(alert))


async def invalid_records_arrive(scene: Scene) -> AsyncGenerator[Observation]:
    """Every fifth record of a topic is invalid."""
    await scene.worker()

    def every_fifth(number: int) -> bytes:
        return purchase(number) if number % 5 else purchase(number, amount="1,50")

    async with scene.publishing("purchases", every_fifth, 5):
        yield Observation(
            "GoldstreamRejects", "every fifth amount with a comma", await scene.fires("GoldstreamRejects")
        )


async def lag_grows(scene: Scene) -> AsyncGenerator[Observation]:
    """More is published than is admitted."""
    await scene.worker(delays={"process:purchases:*": STILL})
    async with scene.publishing("purchases", purchase, 1000), scene.publishing("purchases", purchase, 100):
        alert = "GoldstreamConsumerLagGrowing"
        yield Observation(alert, "published faster than admitted", await scene.fires(alert))


async def workers_come_and_go(scene: Scene) -> AsyncGenerator[Observation]:
    """Next to a worker, another one restarts repeatedly under a new name."""
    await (await scene.worker()).ready()
    for number in range(7):
        other = scene.site.worker(DATA=str(scene.directory / f"other-{number}"))
        await other.ready(within_s=120)
        other.kill()
    yield Observation(
        "GoldstreamRebalancing",
        "a worker started seven times under new names",
        await scene.fires("GoldstreamRebalancing"),
    )


async def redis_goes(scene: Scene) -> AsyncGenerator[Observation]:
    """Redis is stopped, and returns empty."""
    assert scene.redis is not None
    await scene.worker(REDIS=scene.redis.url)
    async with scene.publishing("purchases", purchase, 2):
        await asyncio.to_thread(scene.redis.stop)
        yield Observation("GoldstreamRedisDown", "Redis stopped", await scene.fires("GoldstreamRedisDown"))
        await asyncio.to_thread(scene.redis.start)
        yield Observation(
            "GoldstreamRedisDown", "Redis started, empty", await scene.ends("GoldstreamRedisDown"), ended=True
        )


async def first_policy_is_missing(scene: Scene) -> AsyncGenerator[Observation]:
    """A worker with `segment` alone is started under a new prefix, where nobody takes over the first policy."""
    await scene.worker("--only", "segment", at=0)
    yield Observation(
        "GoldstreamWaiting", "a first worker without admit started", await scene.fires("GoldstreamWaiting")
    )
    await scene.worker("--only", "admit", at=1)
    yield Observation("GoldstreamWaiting", "one with admit started", await scene.ends("GoldstreamWaiting"), ended=True)


async def _changes_are_told(worker: RunningWorker) -> bool:
    return (await worker.metrics()).total("goldstream_segment_changes_total") > 5


async def _watermarks_are_current(scene: Scene) -> bool:
    """Wait until the watermark of both lanes is close to the present."""
    return await scene.prometheus.value(f'count(goldstream_clock_lag_seconds{{job="{scene.job}"}} < 20)') == 2


async def servers_lose_kafka(scene: Scene) -> AsyncGenerator[Observation]:
    """The broker of two HTTP servers is killed, one with a spool; then the other server is."""
    assert scene.own_kafka is not None
    await (await scene.worker(at=2)).ready()
    plain = start_server(scene.site, "plain", API=f"127.0.0.1:{scene.ports[0]}")
    spool = str(scene.directory / "spool")
    spooling = start_server(scene.site, "spooling", "--spool", spool, API=f"127.0.0.1:{scene.ports[1]}")
    for server in (plain, spooling):
        await server.ready()
        await until(partial(_is_accepted, server), "a server to accept events")
    stop = asyncio.Event()
    sending = asyncio.gather(*(_send_events(server, stop) for server in (plain, spooling)))
    alerts = ("GoldstreamHttpUnknown", "GoldstreamSpoolWaiting")
    await scene.ends(*alerts)
    await asyncio.to_thread(scene.own_kafka.kill)
    firing = [asyncio.create_task(scene.fires(alert)) for alert in alerts]
    for alert, fired in zip(alerts, firing, strict=True):
        yield Observation(alert, "the broker killed while events arrived", await fired)
    await asyncio.to_thread(scene.own_kafka.start)
    ending = [asyncio.create_task(scene.ends(alert)) for alert in alerts]
    for alert, ended in zip(alerts, ending, strict=True):
        yield Observation(alert, "the broker started", await ended, ended=True)
    stop.set()
    await sending
    alert = "GoldstreamServeUnreachable"
    await scene.ends(alert)
    plain.child.kill()
    yield Observation(alert, "a server killed", await scene.fires(alert))
    plain.start()
    yield Observation(alert, "the server started", await scene.ends(alert), ended=True)
    for server in (plain, spooling):
        server.child.kill()


async def _is_accepted(server: RunningServer) -> bool:
    """Send an event; return whether it is accepted, for which the server must know the rules."""
    event = {"type": "purchase"} | json.loads(purchase(0))
    return (await server.request("POST", "/v1/events", json=event)).status == 200


async def _send_events(server: RunningServer, stop: asyncio.Event) -> None:
    """Send an event every second, whatever is answered."""
    number = 0
    while not stop.is_set():
        event = {"type": "purchase"} | json.loads(purchase(number))
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            await server.request("POST", "/v1/events", json=event)
        number += 1
        await asyncio.sleep(1)


KILL_THEIR_BROKER: Final = frozenset({"broker", "goldstream-serve"})
"""The scenarios with a broker of their own."""

SCENARIOS: Final[Mapping[str, tuple[Play, int, frozenset[str]]]] = {
    "goldstream": (workers_die, 2, frozenset({"GoldstreamWorkerUnreachable", "GoldstreamDown"})),
    "broker": (
        broker_refuses,
        1,
        frozenset(
            {"GoldstreamStageDown", "GoldstreamStageRestarting", "GoldstreamDeliveryFailures", "GoldstreamNoTicks"}
        ),
    ),
    "recovery": (recovery_hangs, 1, frozenset({"GoldstreamPartitionsUnowned", "GoldstreamRecoverySlow"})),
    "ticks": (ticks_end, 2, frozenset({"GoldstreamNoTicks"})),
    "held": (watermark_stalls, 2, frozenset({"GoldstreamTimeHeldBack"})),
    "lane": (lane_is_behind, 1, frozenset({"GoldstreamLaneBehind"})),
    "slow": (writing_is_slow, 1, frozenset({"GoldstreamDueLagHigh", "GoldstreamEventLatencyHigh"})),
    "rejects": (invalid_records_arrive, 1, frozenset({"GoldstreamRejects"})),
    "growing": (lag_grows, 1, frozenset({"GoldstreamConsumerLagGrowing"})),
    "rebalancing": (workers_come_and_go, 1, frozenset({"GoldstreamRebalancing"})),
    "waiting": (first_policy_is_missing, 2, frozenset({"GoldstreamWaiting"})),
    "redis": (redis_goes, 1, frozenset({"GoldstreamRedisDown"})),
    "goldstream-serve": (
        servers_lose_kafka,
        3,
        frozenset({"GoldstreamHttpUnknown", "GoldstreamSpoolWaiting", "GoldstreamServeUnreachable"}),
    ),
}
"""By the job of its workers: what is played, how many of them are scraped, and which alerts it causes."""
