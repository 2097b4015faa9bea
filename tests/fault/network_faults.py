"""What can happen on the way between workers and their broker; for workers that have a line of their own."""

import asyncio
import contextlib
from typing import Final

from tests.fault.proxy import NO_RETRY, RETRY, Proxy
from tests.fault.running_scenario import Fault, RunningScenario, TopicFault, Wave
from tests.fault.worker_faults import GIVEN_UP_WITHIN_S, given_up
from tests.integration.workers import RunningWorker, until

WRITTEN_BY: Final = {
    "admit": ("journal", "rejected", "source-times", "control"),
    "segment": (
        *("segment-changes", "offers", "reactivations", "suppressions", "outcomes", "daily"),
        *("erasure-ledger", "customers", "progress"),
    ),
}
"""Every topic that is written, by the stage that writes it."""


def a_line(lived: RunningScenario) -> tuple[RunningWorker, Proxy]:
    """Any of the workers that run, with its line."""
    return lived.rng.choice([(worker, line) for worker, line in lived.lines.items() if worker.child.running])


async def cut_off(lived: RunningScenario, wave: Wave) -> None:
    """A worker hears nothing of the broker until it has been given up; then all that it had sent arrives."""
    await lived.work_on(wave)
    worker, line = a_line(lived)
    line.freeze()
    try:
        await given_up(lived, worker)
    finally:
        line.thaw()
    await worker.ready()


def arrives_late(topic: str, *, tombstone: bool = False) -> Fault:
    """What a worker writes to the topic, or a tombstone there, arrives only when others have gone on without it."""

    async def late(lived: RunningScenario, wave: Wave) -> None:
        name = lived.site.topic(topic)
        for line in lived.lines.values():
            line.freeze_before(name, tombstone=tombstone)
        await lived.publish(wave)

        async def held() -> list[RunningWorker]:
            return [worker for worker, line in lived.lines.items() if name in line.held]

        worker = (await until(held, f"a batch for {topic}", every_s=0.001))[0]
        for other in lived.lines.keys() - {worker}:
            lived.lines[other].thaw()
        await given_up(lived, worker)
        await lived.processed_all()
        lived.lines[worker].thaw()
        await worker.ready()

    what = f"A tombstone of {topic}" if tombstone else f"What a worker writes to {topic}"
    # the erasure of a known customer causes their tombstone; its changelog record has no topic of its own
    cause = "erasure-ledger" if tombstone else topic
    return TopicFault(cause, late, f"{what} arrives only when others have gone on without it.")


async def slow(lived: RunningScenario, wave: Wave) -> None:
    """The broker is slow: everything takes 50 ms on its way."""
    for line in lived.lines.values():
        line.latency_s = 0.05
    await lived.publish(wave)
    await lived.processed_all()
    for line in lived.lines.values():
        line.latency_s = 0.0


async def away(lived: RunningScenario, wave: Wave) -> None:
    """Nobody can reach the broker until their groups have given up everybody."""
    await lived.work_on(wave)
    with contextlib.ExitStack() as lines:
        for line in lived.lines.values():
            lines.enter_context(line.away())

        async def nobody() -> bool:
            return not await lived.members()

        await until(nobody, "the group to give up everybody", GIVEN_UP_WITHIN_S, every_s=0.2)


def gone_for(seconds: float) -> Fault:
    """The broker itself is gone for so long."""

    async def gone(lived: RunningScenario, wave: Wave) -> None:
        await lived.work_on(wave)
        await asyncio.to_thread(lived.kafka.stop)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(lived.kafka.start)

    gone.__doc__ = f"The broker is gone for {seconds:.0f} s."
    return gone


def gone_at_the_start(seconds: float) -> Fault:
    """The workers are started while the broker is gone, for so long."""

    async def gone(lived: RunningScenario, wave: Wave) -> None:
        await lived.publish(wave)
        for worker in lived.workers:
            worker.kill()
        await asyncio.to_thread(lived.kafka.stop)
        for worker in lived.site.workers:
            worker.start()
        await asyncio.sleep(seconds)
        await asyncio.to_thread(lived.kafka.start)

    gone.__doc__ = f"The workers are started while the broker is gone, for {seconds:.0f} s."
    return gone


async def errors_that_pass(lived: RunningScenario, wave: Wave) -> None:
    """The broker answers with errors for a while, as with a full disk: sometimes it has the batch all the same."""
    errors = list(RETRY.values())
    for line in lived.lines.values():
        for topic in (topic for topics in WRITTEN_BY.values() for topic in topics):
            name = lived.site.topic(topic)
            for _ in range(lived.rng.randint(1, 3)):
                lived.rng.choice((line.refuse, line.lose))(name, lived.rng.choice(errors))
    await lived.publish(wave)
    await lived.processed_all()
    for line in lived.lines.values():
        line.heal()


def fails(topic: str, stage: str) -> Fault:
    """A batch for the topic is refused for good: nothing is lost, and the worker says so once and counts it."""

    async def failing(lived: RunningScenario, wave: Wave) -> None:
        name = lived.site.topic(topic)
        before = {worker: await failures(worker, stage) for worker in lived.lines}
        said = {worker: worker.log.count(f"stage {stage} failed") for worker in lived.lines}
        error, number = lived.rng.choice(list(NO_RETRY.items()))
        for line in lived.lines.values():
            line.refuse(name, number)
        await lived.publish(wave)

        async def refused() -> list[RunningWorker]:
            return [worker for worker, line in lived.lines.items() if line.refused[name]]

        for worker in await until(refused, f"{error} for a batch of {topic}", every_s=0.01):

            async def counted(worker: RunningWorker = worker) -> bool:
                return await failures(worker, stage) == before[worker] + 1

            await until(counted, f"the failed delivery to {topic} to be counted")
            assert worker.log.count(f"stage {stage} failed") == said[worker] + 1, worker.log
        for line in lived.lines.values():
            line.heal()
        await lived.processed_all()

    return TopicFault(topic, failing, f"A batch for {topic} is refused for good.")


async def failures(worker: RunningWorker, stage: str) -> float:
    """How many failed deliveries a worker has counted."""
    return (await worker.metrics()).total("goldstream_delivery_failures_total", stage=stage)
