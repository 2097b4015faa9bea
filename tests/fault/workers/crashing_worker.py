"""A worker that kills itself at a chosen step: `python -m tests.fault.workers.crashing_worker STEP TIMES worker`.

All its processes die at once; `tests/integration/worker/test_processes.py` kills them one by one.
STEP is `before` or `acked`, a colon, and the short name of a topic: just before a batch of that topic is sent, or when
one is acknowledged while others may be in flight; or `before:commit`. TIMES counts these moments. Batches are small, so
that a short history has many of them.
"""

import os
import signal
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

import agents.segment.commit_policy
import streams.engine.lane_runner
from agents.cli import main
from streams.kafka.writing.stage_producer import StageProducer

RECORDS_IN_A_BATCH = 60


def crash_at(step: str, times: int) -> None:
    """Make this process kill itself at that moment."""
    left = times
    send_batch, enqueue, commit = AIOKafkaProducer.send_batch, StageProducer.enqueue, AIOKafkaConsumer.commit

    def comes(this: str) -> None:
        nonlocal left
        if this == step:
            left -= 1
            if left <= 0:
                os.killpg(0, signal.SIGKILL)

    async def crashing_send_batch(self: AIOKafkaProducer, batch: Any, topic: str, *, partition: int) -> Any:
        name = topic.split(".")[1]
        comes(f"before:{name}")
        acknowledged = await send_batch(self, batch, topic, partition=partition)
        acknowledged.add_done_callback(lambda _: comes(f"acked:{name}"))
        return acknowledged

    def crashing_enqueue(self: StageProducer, batch: Any, topic: str, partition: int) -> Any:
        name = topic.split(".")[1]
        comes(f"before:{name}")
        acknowledged = enqueue(self, batch, topic, partition)
        if acknowledged is not None:
            acknowledged.add_done_callback(lambda _: comes(f"acked:{name}"))
        return acknowledged

    async def crashing_commit(self: AIOKafkaConsumer, offsets: Any = None) -> None:
        comes("before:commit")
        await commit(self, offsets)

    agents.segment.commit_policy.WORKING_SECONDS = agents.segment.commit_policy.QUIET_SECONDS = 0.0
    streams.engine.lane_runner.MAX_BATCH = RECORDS_IN_A_BATCH  # type: ignore[misc]  # `Final` for all other code
    StageProducer.enqueue = crashing_enqueue  # type: ignore[method-assign]
    AIOKafkaProducer.send_batch, AIOKafkaConsumer.commit = crashing_send_batch, crashing_commit


if __name__ == "__main__":
    crash_at(sys.argv[1], int(sys.argv[2]))
    sys.exit(main(sys.argv[3:]))
