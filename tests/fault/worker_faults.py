"""What can happen to workers while they work; each leaves them able to go on."""

import asyncio
import signal
from typing import Final

from tests.fault.running_scenario import PARTITIONS, RunningScenario, Wave
from tests.fault.short_session_worker import SESSION_SECONDS
from tests.integration.workers import RunningWorker, until

GIVEN_UP_WITHIN_S: Final = 12 * SESSION_SECONDS
"""How long a group may take to give up a member of whom nothing is heard, on a busy machine."""


async def killed(lived: RunningScenario, wave: Wave) -> None:
    """A worker is killed and started again."""
    await lived.work_on(wave)
    worker = lived.any_worker()
    worker.kill()
    worker.start()


async def all_killed(lived: RunningScenario, wave: Wave) -> None:
    """All workers are killed and started again."""
    await lived.work_on(wave)
    for worker in lived.workers:
        worker.kill()
    for worker in lived.site.workers:
        worker.start()


async def killed_while_it_recovers(lived: RunningScenario, wave: Wave) -> None:
    """A worker is killed, and killed again when it has just come back."""
    await lived.work_on(wave)
    worker = lived.any_worker()
    worker.kill()
    worker.start()
    await worker.wait_for_log(lived.rng.choice(["goldstream worker: stages", r"partition \d recovered"]))
    worker.kill()
    worker.start()


async def hung(lived: RunningScenario, wave: Wave) -> None:
    """A worker hangs until it has been given up, then goes on."""
    await lived.work_on(wave)
    worker = lived.any_worker()
    worker.child.signal(signal.SIGSTOP)
    try:
        await given_up(lived, worker)
    finally:
        worker.child.signal(signal.SIGCONT)


async def joined_and_left(lived: RunningScenario, wave: Wave) -> None:
    """A worker joins, and another one leaves."""
    await lived.work_on(wave)
    leaves = lived.any_worker()
    await lived.worker().ready()
    await lived.stop(leaves)


async def restarted_one_by_one(lived: RunningScenario, wave: Wave) -> None:
    """All workers are stopped and started again, one by one."""
    await lived.work_on(wave)
    for worker in lived.workers:
        await lived.stop(worker)
        worker.start()
        await worker.ready()


async def redis_emptied(lived: RunningScenario, wave: Wave) -> None:
    """Redis is emptied."""
    await lived.work_on(wave)
    lived.redis.flush()


async def redis_gone(lived: RunningScenario, wave: Wave) -> None:
    """Redis goes away and comes back empty."""
    await lived.work_on(wave)
    lived.redis.stop()
    await _missed_redis(lived)
    await asyncio.to_thread(lived.redis.start)


async def redis_hung(lived: RunningScenario, wave: Wave) -> None:
    """Redis answers nobody for a while."""
    with lived.redis.frozen():
        await lived.publish(wave)
        await lived.all_read()


async def broker_killed(lived: RunningScenario, wave: Wave) -> None:
    """The broker is killed and started again."""
    await lived.work_on(wave)
    await asyncio.to_thread(lived.kafka.kill)
    await asyncio.to_thread(lived.kafka.start)


async def broker_restarted(lived: RunningScenario, wave: Wave) -> None:
    """The broker is stopped in order and started again."""
    await lived.work_on(wave)
    await asyncio.to_thread(lived.kafka.stop)
    await asyncio.to_thread(lived.kafka.start)


async def _missed_redis(lived: RunningScenario) -> None:
    """Wait until a worker has missed Redis."""

    async def missed() -> bool:
        told = [await worker.get("/metrics") for worker in lived.workers]
        return any("goldstream_redis_up 0.0" in text for _, text in told)

    await until(missed, "a worker to miss Redis")


async def given_up(lived: RunningScenario, from_: RunningWorker) -> None:
    """Wait until others have all partitions, or where there is no other, until the group has nobody."""
    others = [worker for worker in lived.workers if worker is not from_]

    async def is_so() -> bool:
        if others:
            return sum([await lived.assigned(worker) for worker in others]) == PARTITIONS
        return not await lived.members()

    await until(is_so, "the group to give up a worker", GIVEN_UP_WITHIN_S, every_s=0.2)
