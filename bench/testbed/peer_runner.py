"""Run a peer in a separate process that measures itself, so that its start is not measured."""

import asyncio
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from agents.demo.embedded.child_process import Child
from bench.measurement import Job, Measurement
from bench.testbed.broker import SOURCE, BenchFailed, Broker
from bench.testbed.kafka_streams import java_command
from bench.testbed.topic_follower import read_all
from bench.throughput.verification import ExpectedChanges, Verification
from streams.settings.settings import Settings
from tests.servers import Missing

Peer = Literal["kafka-streams", "bytewax", "quix", "faust", "aiokafka"]
PEERS: Final[tuple[Peer, ...]] = ("kafka-streams", "bytewax", "quix", "faust", "aiokafka")

_ROOT: Final = Path(__file__).parents[2]
_PYTHON: Final = _ROOT / ".cache" / "peers" / "bin" / "python"
"""Of the separate environment with Bytewax and Quix Streams; see scripts/peers."""
_FAUST: Final = ("-m", "faust", "-A", "bench.peers.faust_segments", "-L", "uvloop", "worker", "-l", "error")
_START_AND_END_S: Final = 120.0
_DRAIN_FACTOR: Final = 10
"""A peer may process for this many times as long as it may accept purchases."""
_MIN_RATE: Final = 1000
"""Events per second below which a run of a peer that accepts everything is aborted."""


def command_of(peer: Peer) -> list[str]:
    """Return the command that runs a peer.

    Raises:
        Missing: it cannot run on this machine; the message says why.
    """
    if peer == "kafka-streams":
        return java_command()
    if peer == "faust":
        return [sys.executable, *_FAUST, "--without-web"]
    if peer == "aiokafka":
        return [sys.executable, "-m", "bench.peers.bare_consumer"]
    module = {"bytewax": "bytewax", "quix": "quixstreams"}[peer]
    return [peers_python(module), "-W", "ignore", "-m", f"bench.peers.{peer}_segments"]


def peers_python(module: str) -> str:
    """Return the Python of the peers' environment, which must have a module.

    Raises:
        Missing: it does not have it.
    """
    find_module = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    if not _PYTHON.is_file() or subprocess.run([_PYTHON, "-c", find_module], check=False).returncode:
        message = f"{module} is not installed for this Python: run `make bench`, which installs it where possible"
        raise Missing(message)
    return str(_PYTHON)


def unavailable_peers(peers: Iterable[Peer]) -> dict[Peer, str]:
    """Return the peers that cannot run here, with the reason."""
    reasons: dict[Peer, str] = {}
    for peer in peers:
        try:
            command_of(peer)
        except Missing as missing:
            reasons[peer] = str(missing)
    return reasons


@dataclass(frozen=True, slots=True)
class PeerRunner:
    """Runs and measures peers; a slow peer may accept purchases for `seconds`."""

    settings: Settings
    broker: Broker
    broker_pid: int | None
    directory: Path
    expected: ExpectedChanges
    seconds: float

    async def run(self, peer: Peer, job: Job, threads: int = 1) -> Measurement:
        """Measure a peer at the job of the segment stage, or at the whole path.

        The clock runs from the first purchase that the peer gets until all purchases it accepted are processed,
        acknowledged and committed. Faust accepts purchases for `seconds` at most, the others accept all.

        Args:
            peer: which.
            job: `segment` or `whole`.
            threads: for Kafka Streams only.
        """
        app = f"bench-{peer}-{job}-{secrets.token_hex(4)}"
        await self.broker.create_peer_topics(*(f"{app}-{name}" for name in ("admitted", "rejected", "changes")))
        is_cut_short = peer == "faust"
        measured = await self._run(app, job, command_of(peer), self.seconds if is_cut_short else None, threads)
        covered = self.expected.ends
        if is_cut_short:
            covered = {int(partition): end for partition, end in measured["covered"].items()}
        verification = await self.expected.verify(lambda: read_all(self.settings, f"{app}-changes"), covered)
        return _measured(peer if threads == 1 else f"{peer} ×{threads}", job, measured, verification)

    async def read_only(self) -> Measurement:
        """Measure reading the whole topic with aiokafka, from the first fetch to the last record."""
        return _measured("aiokafka", "read", await self._run("bench-bare", "read", command_of("aiokafka")), None)

    async def _run(
        self, app: str, job: Job, command: list[str], cut_after_s: float | None = None, threads: int = 1
    ) -> dict[str, Any]:
        """Run a peer to its end, and return the result that it wrote.

        Raises:
            BenchFailed: it did not end in time, or ended without a result; the message has the end of its log.
        """
        result, log = self.directory / f"{app}.json", self.directory / f"{app}.log"
        result.unlink(missing_ok=True)
        all_events_s = self.expected.events / _MIN_RATE
        environment = os.environ | {
            "PYTHONPATH": str(_ROOT),
            "BENCH_KAFKA": self.settings.kafka,
            "BENCH_SOURCE": SOURCE,
            "BENCH_APP": app,
            "BENCH_JOB": job,
            "BENCH_THREADS": str(threads),
            "BENCH_EVENTS": str(self.expected.events),
            "BENCH_SECONDS": str(_START_AND_END_S + all_events_s if cut_after_s is None else cut_after_s),
            "BENCH_BROKER_PID": str(self.broker_pid or 0),
            "BENCH_DATA": str(self.directory / app),
            "BENCH_RESULT": str(result),
        }
        program = Child(command, log=log, env=environment)
        program.start()
        within_s = _START_AND_END_S + (all_events_s if cut_after_s is None else _DRAIN_FACTOR * cut_after_s)
        try:
            ended = await asyncio.to_thread(program.wait, within_s)
        finally:
            program.kill()
            shutil.rmtree(self.directory / app, ignore_errors=True)
        if not result.is_file():
            reason = f"ended with status {program.returncode}" if ended else f"did not end within {within_s:.0f} s"
            message = f"{app} {reason}; the end of its log:\n{program.tail(10)}"
            raise BenchFailed(message)
        measured: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        if cut_after_s is None and measured["events"] != self.expected.events:
            message = f"{app} accepted {measured['events']} of {self.expected.events} purchases"
            raise BenchFailed(message)
        return measured


def _measured(program: str, job: Job, measured: Mapping[str, Any], verification: Verification | None) -> Measurement:
    return Measurement(
        program,
        job,
        measured["events"],
        measured["seconds"],
        measured["cpu"],
        measured["broker_cpu"],
        *((verification.changes, verification.digest, verification.faults) if verification else ()),
    )
