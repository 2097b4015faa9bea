"""Faults that hit workers while they run; each leaves them able to continue."""

import asyncio
import os
import signal
from typing import Final

from tests.fault.scenarios.running_scenario import PARTITIONS, RunningScenario, Wave
from tests.fault.workers.short_session_worker import SESSION_SECONDS
from tests.running.workers import RunningWorker, until

GIVEN_UP_WITHIN_S: Final = 12 * SESSION_SECONDS
"""How long a group may take to give up a silent member on a busy machine."""


async def killed(scenario: RunningScenario, wave: Wave) -> None:
    """A worker is killed and started again."""
    await scenario.work_on(wave)
    worker = scenario.any_worker()
    worker.kill()
    worker.start()


async def all_killed(scenario: RunningScenario, wave: Wave) -> None:
    """All workers are killed and started again."""
    await scenario.work_on(wave)
    for worker in scenario.workers:
        worker.kill()
    for worker in scenario.site.workers:
        worker.start()


async def killed_while_it_recovers(scenario: RunningScenario, wave: Wave) -> None:
    """A worker is killed, and killed again while it recovers."""
    await scenario.work_on(wave)
    worker = scenario.any_worker()
    worker.kill()
    worker.start()
    await worker.wait_for_log(scenario.rng.choice(["goldstream worker: stages", r"partition \d recovered"]))
    worker.kill()
    worker.start()


async def hung(scenario: RunningScenario, wave: Wave) -> None:
    """A worker hangs until the group gives it up, then continues."""
    await scenario.work_on(wave)
    worker = scenario.any_worker()
    worker.child.signal(signal.SIGSTOP)
    try:
        await given_up(scenario, worker)
    finally:
        worker.child.signal(signal.SIGCONT)


async def stages_killed(scenario: RunningScenario, wave: Wave) -> None:
    """The process of one stage after the other is killed, in any worker; its supervisor starts it again."""
    await scenario.work_on(wave)
    stages = ["admit", "segment", "project"]
    scenario.rng.shuffle(stages)
    for stage in stages:
        worker = scenario.any_worker()
        os.kill(await _process_of(worker, stage), signal.SIGKILL)
        await worker.wait_for_log(f"the process of stage {stage} was killed by SIGKILL")


async def stage_hung(scenario: RunningScenario, wave: Wave) -> None:
    """The process of `segment` hangs in one worker until the group gives it up, then continues."""
    await scenario.work_on(wave)
    worker = scenario.any_worker()
    process = await _process_of(worker, "segment")
    os.kill(process, signal.SIGSTOP)
    try:
        await given_up(scenario, worker)
    finally:
        os.kill(process, signal.SIGCONT)


async def joined_and_left(scenario: RunningScenario, wave: Wave) -> None:
    """A worker joins, and another one leaves."""
    await scenario.work_on(wave)
    leaves = scenario.any_worker()
    await scenario.worker().ready()
    await scenario.stop(leaves)


async def restarted_one_by_one(scenario: RunningScenario, wave: Wave) -> None:
    """All workers are stopped and started again, one by one."""
    await scenario.work_on(wave)
    for worker in scenario.workers:
        await scenario.stop(worker)
        worker.start()
        await worker.ready()


async def redis_emptied(scenario: RunningScenario, wave: Wave) -> None:
    """Redis is emptied."""
    await scenario.work_on(wave)
    scenario.redis.flush()


async def redis_gone(scenario: RunningScenario, wave: Wave) -> None:
    """Redis is stopped and returns empty."""
    await scenario.work_on(wave)
    scenario.redis.stop()
    await _missed_redis(scenario)
    await asyncio.to_thread(scenario.redis.start)


async def redis_hung(scenario: RunningScenario, wave: Wave) -> None:
    """Redis hangs for a while."""
    with scenario.redis.frozen():
        await scenario.publish(wave)
        await scenario.all_read()


async def broker_killed(scenario: RunningScenario, wave: Wave) -> None:
    """The broker is killed and started again."""
    await scenario.work_on(wave)
    await asyncio.to_thread(scenario.kafka.kill)
    await asyncio.to_thread(scenario.kafka.start)


async def broker_restarted(scenario: RunningScenario, wave: Wave) -> None:
    """The broker is stopped gracefully and started again."""
    await scenario.work_on(wave)
    await asyncio.to_thread(scenario.kafka.stop)
    await asyncio.to_thread(scenario.kafka.start)


async def _process_of(worker: RunningWorker, stage: str) -> int:
    async def found() -> int:
        return worker.processes().get(stage, 0)

    return await until(found, f"a process of stage {stage}")


async def _missed_redis(scenario: RunningScenario) -> None:
    """Wait until a worker reports that Redis is away."""

    async def missed() -> bool:
        answers = [await worker.get("/metrics") for worker in scenario.workers]
        return any("goldstream_redis_up 0.0" in text for _, text in answers)

    await until(missed, "a worker to miss Redis")


async def given_up(scenario: RunningScenario, from_: RunningWorker) -> None:
    """Wait until other workers have all partitions or, if there is no other, until the group is empty."""
    others = [worker for worker in scenario.workers if worker is not from_]

    async def is_so() -> bool:
        if others:
            return sum([await scenario.assigned(worker) for worker in others]) == PARTITIONS
        return not await scenario.members()

    await until(is_so, "the group to give up a worker", GIVEN_UP_WITHIN_S, every_s=0.2)
