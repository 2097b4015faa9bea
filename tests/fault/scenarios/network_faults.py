"""Faults between workers and the broker, for workers that have a proxy of their own."""

import asyncio
import contextlib
import time
from typing import Final

from tests.fault.scenarios.proxy import NO_RETRY, RETRY, Proxy
from tests.fault.scenarios.running_scenario import Fault, RunningScenario, TopicFault, Wave
from tests.fault.scenarios.worker_faults import GIVEN_UP_WITHIN_S, given_up
from tests.running.workers import RunningWorker, until

WORKS_WITHIN_S: Final = 30.0
"""How long after the broker's return every stage of every worker works again, whatever happened before."""
WRITTEN_BY: Final = {
    "admit": ("journal", "rejected", "source-times", "control"),
    "segment": (
        *("segment-changes", "offers", "reactivations", "suppressions", "outcomes", "daily"),
        *("erasure-ledger", "customers", "progress"),
    ),
}
"""Every topic that is written, by the stage that writes it."""


def any_line(scenario: RunningScenario) -> tuple[RunningWorker, Proxy]:
    """Return any running worker with its proxy."""
    return scenario.rng.choice([(worker, line) for worker, line in scenario.lines.items() if worker.child.running])


async def cut_off(scenario: RunningScenario, wave: Wave) -> None:
    """A worker is cut off until its group gives it up; then everything it had sent arrives."""
    await scenario.work_on(wave)
    worker, line = any_line(scenario)
    line.freeze()
    try:
        await given_up(scenario, worker)
    finally:
        line.thaw()
    await worker.ready()


def arrives_late(topic: str, *, tombstone: bool = False) -> Fault:
    """Return a fault: a write to the topic, or a tombstone there, arrives only after other workers have taken over."""

    async def late(scenario: RunningScenario, wave: Wave) -> None:
        name = scenario.site.topic(topic)
        for line in scenario.lines.values():
            line.freeze_before(name, tombstone=tombstone)
        await scenario.publish(wave)

        async def held() -> list[RunningWorker]:
            return [worker for worker, line in scenario.lines.items() if name in line.held]

        worker = (await until(held, f"a batch for {topic}", every_s=0.001))[0]
        for other in scenario.lines.keys() - {worker}:
            scenario.lines[other].thaw()
        await given_up(scenario, worker)
        await scenario.processed_all()
        scenario.lines[worker].thaw()
        await worker.ready()

    what = f"A tombstone of {topic}" if tombstone else f"A write to {topic}"
    # the erasure of a known customer causes their tombstone; its changelog record has no topic of its own
    cause = "erasure-ledger" if tombstone else topic
    return TopicFault(cause, late, f"{what} arrives only after other workers have taken over.")


async def slow(scenario: RunningScenario, wave: Wave) -> None:
    """The network is slow: every request and answer takes 50 ms."""
    for line in scenario.lines.values():
        line.latency_s = 0.05
    await scenario.publish(wave)
    await scenario.processed_all()
    for line in scenario.lines.values():
        line.latency_s = 0.0


async def away(scenario: RunningScenario, wave: Wave) -> None:
    """No worker can reach the broker until the groups have given up all members."""
    await scenario.work_on(wave)
    with contextlib.ExitStack() as lines:
        for line in scenario.lines.values():
            lines.enter_context(line.away())

        async def group_is_empty() -> bool:
            return not await scenario.members()

        await until(group_is_empty, "the group to give up all members", GIVEN_UP_WITHIN_S, every_s=0.2)


def gone_for(seconds: float) -> Fault:
    """Return a fault: the broker is stopped for this long."""

    async def gone(scenario: RunningScenario, wave: Wave) -> None:
        await scenario.work_on(wave)
        await asyncio.to_thread(scenario.kafka.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(scenario.kafka.start)

    gone.__doc__ = f"The broker is stopped for {seconds:.0f} s."
    return gone


def gone_at_the_start(seconds: float) -> Fault:
    """Return a fault: the workers start while the broker is stopped, for this long."""

    async def gone(scenario: RunningScenario, wave: Wave) -> None:
        await scenario.publish(wave)
        for worker in scenario.workers:
            worker.kill()
        await asyncio.to_thread(scenario.kafka.stop)
        for worker in scenario.site.workers:
            worker.start()
        await asyncio.sleep(seconds)
        await asyncio.to_thread(scenario.kafka.start)

    gone.__doc__ = f"The workers start while the broker is stopped, for {seconds:.0f} s."
    return gone


def comes_and_goes(away_s: float) -> Fault:
    """Return a fault: the broker comes up after the workers, goes away at once for this long, and returns."""

    async def coming_and_going(scenario: RunningScenario, wave: Wave) -> None:
        for worker in scenario.workers:
            worker.kill()
        await asyncio.to_thread(scenario.kafka.stop)
        for worker in scenario.site.workers:
            worker.start()
        for worker in scenario.site.workers:
            await worker.wait_for_log("waiting for Kafka")
        await asyncio.to_thread(scenario.kafka.start)
        await scenario.work_on(wave)
        await asyncio.to_thread(scenario.kafka.stop)
        await asyncio.sleep(away_s)
        await asyncio.to_thread(scenario.kafka.start)
        begin = time.monotonic()
        await asyncio.gather(*(worker.ready(WORKS_WITHIN_S) for worker in scenario.workers))
        scenario.log(f"all workers are ready {time.monotonic() - begin:.0f} s after the broker's return")
        await scenario.processed_all()
        scenario.log(f"the wave is processed {time.monotonic() - begin:.0f} s after the broker's return")
        assert time.monotonic() - begin < WORKS_WITHIN_S

    coming_and_going.__doc__ = (
        f"The broker comes up after the workers, goes away at once for {away_s:.0f} s, and returns."
    )
    return coming_and_going


async def retriable_errors(scenario: RunningScenario, wave: Wave) -> None:
    """The broker answers with retriable errors for a while, as with a full disk; sometimes it has stored the batch."""
    errors = list(RETRY.values())
    for line in scenario.lines.values():
        for topic in (topic for topics in WRITTEN_BY.values() for topic in topics):
            name = scenario.site.topic(topic)
            for _ in range(scenario.rng.randint(1, 3)):
                scenario.rng.choice((line.refuse, line.lose))(name, scenario.rng.choice(errors))
    await scenario.publish(wave)
    await scenario.processed_all()
    for line in scenario.lines.values():
        line.heal()


def fails(topic: str, stage: str) -> Fault:
    """Return a fault: a batch is refused for good. Nothing is lost; the worker logs and counts it once."""

    async def failing(scenario: RunningScenario, wave: Wave) -> None:
        name = scenario.site.topic(topic)
        for worker in scenario.lines:
            await worker.ready()  # an earlier fault may have just started it
        before = {worker: await failures(worker, stage) for worker in scenario.lines}
        said = {worker: worker.log.count(f"stage {stage} failed") for worker in scenario.lines}
        error, number = scenario.rng.choice(list(NO_RETRY.items()))
        for line in scenario.lines.values():
            line.refuse(name, number)
        await scenario.publish(wave)

        async def refused() -> list[RunningWorker]:
            return [worker for worker, line in scenario.lines.items() if line.refused[name]]

        for worker in await until(refused, f"{error} for a batch of {topic}", every_s=0.01):

            async def counted(worker: RunningWorker = worker) -> bool:
                return await failures(worker, stage) == before[worker] + 1

            await until(counted, f"the failed delivery to {topic} to be counted")
            assert worker.log.count(f"stage {stage} failed") == said[worker] + 1, worker.log
        for line in scenario.lines.values():
            line.heal()
        await scenario.processed_all()

    return TopicFault(topic, failing, f"A batch for {topic} is refused for good.")


async def failures(worker: RunningWorker, stage: str) -> float:
    """Return how many failed deliveries a worker has counted."""
    return (await worker.metrics()).total("goldstream_delivery_failures_total", stage=stage)
