"""The front of a worker: it prepares the cluster, and answers for all stages at the worker's one HTTP address.

It asks the process of each stage over a Unix socket in a folder that only this user can open. A stage that does not
answer within a second is reported, and does not keep back the answers of the others.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import aiohttp
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from agents.worker.http_server import Answers, serve_http
from agents.worker.preparation import Cluster, Preparation
from agents.worker.processes.event_loop import FAILED
from agents.worker.processes.merged_metrics import MergedMetrics
from agents.worker.processes.shared import Shared
from streams.kafka.topics import TopicsError
from streams.telemetry.metrics import Metrics, worker_registry
from streams.telemetry.waits import WORKER, Waits

ANSWER_SECONDS: Final = 1.0
FRONT: Final = "front"
SUPERVISOR: Final = "supervisor"


class _Answer(NamedTuple):
    """What a stage has answered: a status and a text; or why it has not."""

    status: int
    text: str
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What the front reports to the supervisor: the prepared cluster, or what is wrong with its topics."""

    cluster: Cluster | None = None
    errors: tuple[str, ...] = ()

    def encode(self) -> bytes:
        """Return it as one line."""
        return json.dumps([self.cluster, self.errors]).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> "Report":
        """Return the report of a line."""
        cluster, errors = json.loads(line)
        return cls(None if cluster is None else Cluster(*cluster), tuple(errors))


class Front:
    """Asks the stages and merges what they answer."""

    def __init__(self, shared: Shared, registry: CollectorRegistry, preparation: Preparation) -> None:
        """Take where the stages answer, the front's own metrics, and what ends before any stage has a process."""
        self._shared = shared
        self._preparation = preparation
        self._own = registry
        self._supervisors = CollectorRegistry()
        ProcessCollector(pid=lambda: shared.supervisor, registry=self._supervisors)
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    @contextlib.asynccontextmanager
    async def asking(self) -> AsyncIterator[Answers]:
        """Yield the answers of all stages together."""
        async with contextlib.AsyncExitStack() as stack:
            for stage in self._shared.stages:
                connector = aiohttp.UnixConnector(str(self._shared.socket_path(stage)), force_close=True)
                timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
                session = aiohttp.ClientSession("http://stage", connector=connector, timeout=timeout)
                self._sessions[stage] = await stack.enter_async_context(session)
            yield Answers(self._metrics, self._health, self._ready)

    async def _metrics(self) -> bytes:
        registry = MergedMetrics()
        registry.add(FRONT, generate_latest(registry=self._own).decode())
        registry.add(SUPERVISOR, generate_latest(registry=self._supervisors).decode())
        if self._preparation.waiting_for is None:
            silent = []
            for stage, answer in (await self._ask("/metrics")).items():
                if answer.failure is None:
                    registry.add(stage, answer.text)
                else:
                    silent.append(stage)
            if silent:
                registry.add(FRONT, self._of_silent(silent))
        return generate_latest(registry)

    def _of_silent(self, stages: Sequence[str]) -> str:
        """Return the metrics of stages that do not answer: they are down, and have been restarted so many times."""
        registry = CollectorRegistry()
        metrics = Metrics(registry, FRONT)
        for stage in stages:
            metrics.stage_up.labels(stage).set(0)
            metrics.stage_restarts.labels(stage).inc(self._shared.restarts.of(stage))
        return generate_latest(registry).decode()

    async def _health(self) -> str | None:
        return self._preparation.health() or await self._problems("/health")

    async def _ready(self) -> str | None:
        return self._preparation.readiness() or await self._problems("/ready")

    async def _problems(self, path: str) -> str | None:
        answers = (await self._ask(path)).values()
        problems = [each.failure or each.text.strip() for each in answers if each.failure or each.status != 200]
        return "; ".join(problems) or None

    async def _ask(self, path: str) -> dict[str, _Answer]:
        answers = await asyncio.gather(*(self._ask_stage(stage, path) for stage in self._shared.stages))
        return dict(zip(self._shared.stages, answers, strict=True))

    async def _ask_stage(self, stage: str, path: str) -> _Answer:
        try:
            async with self._sessions[stage].get(path) as response:
                return _Answer(response.status, await response.text())
        except TimeoutError:
            return _Answer(0, "", f"stage {stage} has not answered for {ANSWER_SECONDS:.0f} s")
        except (aiohttp.ClientError, OSError):
            return _Answer(0, "", f"stage {stage} has no process that answers: it starts, or starts again")


async def run_front(
    shared: Shared, sockets: Sequence[socket.socket], cluster: Cluster | None, link: socket.socket, stop: asyncio.Event
) -> int:
    """Prepare the cluster, unless that is done, and answer until the supervisor closes `link`; return the exit status.

    SIGTERM ends the preparation only: `/metrics` is answered for as long as stages are stopping.

    Args:
        shared: what the processes share.
        sockets: listen at the worker's address.
        cluster: what an earlier process of the front has prepared.
        link: takes the report, one line.
        stop: ends the preparation.

    Raises:
        FatalError: Kafka refuses the connection for a reason that trying again does not fix.
    """
    ended = asyncio.Event()

    def end() -> None:
        stop.set()
        ended.set()

    asyncio.get_running_loop().add_reader(link.fileno(), end)  # the supervisor sends nothing: the link is closed
    metrics = Metrics(worker_registry(), FRONT)
    waits = Waits(WORKER, metrics.waiting_seconds, shared.clock)
    reads_sources = "admit" in shared.stages
    preparation = Preparation(shared.settings, shared.rules, waits, shared.clock, reads_sources=reads_sources)
    async with Front(shared, metrics.registry, preparation).asking() as answers:
        http = await serve_http(sockets, answers)
        try:
            if cluster is not None:
                preparation.waiting_for = None
            else:
                try:
                    cluster = await preparation.run(stop)
                except TopicsError as error:
                    link.sendall(Report(errors=error.errors).encode())
                    return FAILED
                if cluster is None:
                    return 0
                link.sendall(Report(cluster).encode())
            await ended.wait()
        finally:
            await http.cleanup()
    return 0
