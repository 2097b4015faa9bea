"""What the process of one stage runs: under a supervisor, or alone with a front of its own."""

import asyncio
import os
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from prometheus_client import generate_latest

from agents.worker.http_server import Answers, serve_http
from agents.worker.preparation import Cluster, Preparation
from agents.worker.processes.shared import Shared
from agents.worker.rules_watch import ConfiguredRules
from agents.worker.stage.stage_worker import StageWorker
from streams.clock import Clock
from streams.engine.group_instance_id import claim_instance_id
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics, worker_registry

BEAT_SECONDS: Final = 1.0


async def work_alone(
    stage: str,
    settings: Settings,
    rules: ConfiguredRules,
    sockets: Sequence[socket.socket],
    clock: Clock,
    stop: asyncio.Event,
) -> int:
    """Prepare the cluster, run a stage until `stop` is set, and answer on `sockets`; return the exit status.

    Raises:
        TopicsError: a topic cannot be created, or has another number of partitions or cleanup policy.
        FatalError: a fault that a restart does not fix.
    """
    metrics = Metrics(worker_registry())
    worker = StageWorker(stage, settings, metrics, clock, rules)
    preparation = Preparation(settings, rules, worker.waits, clock, reads_sources=stage == "admit")
    http = await serve_http(sockets, _answers(worker, metrics, preparation))
    try:
        cluster = await preparation.run(stop)
        if cluster is not None:
            with claim_instance_id(settings.data) as instance:
                await worker.run(cluster, instance, stop)
    finally:
        await http.cleanup()
    return 0


async def work_supervised(stage: str, shared: Shared, cluster: Cluster, stop: asyncio.Event) -> int:
    """Run a stage until `stop` is set, and answer on its socket; return the exit status.

    Raises:
        FatalError: a fault that a restart does not fix.
    """
    metrics = Metrics(worker_registry(), stage)
    metrics.stage_restarts.labels(stage).inc(shared.restarts.of(stage))
    metrics.on_restart = shared.restarts.add
    rules = shared.rules if stage == "admit" else None
    worker = StageWorker(stage, shared.settings, metrics, shared.clock, rules)
    beating = asyncio.create_task(_beat(stage, shared))
    http = await serve_http([_listen(shared.socket_path(stage))], _answers(worker, metrics, None))
    try:
        await worker.run(cluster, shared.instance, stop)
    finally:
        beating.cancel()
        await http.cleanup()
    return 0


async def _beat(stage: str, shared: Shared) -> None:
    while True:
        shared.beats.add(stage)
        await shared.clock.sleep(BEAT_SECONDS)


def _answers(worker: StageWorker, metrics: Metrics, preparation: Preparation | None) -> Answers:
    async def exposed() -> bytes:
        return generate_latest(registry=metrics.registry)

    async def health() -> str | None:
        return (preparation.health() if preparation else None) or worker.health()

    async def ready() -> str | None:
        return (preparation.readiness() if preparation else None) or worker.readiness()

    return Answers(exposed, health, ready)


def _listen(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # of the process that this one replaces
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(os.fspath(path))
    listening.listen()
    return listening
