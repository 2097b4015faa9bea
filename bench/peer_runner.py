"""A peer, run as a process of its own that measures itself: its clock does not see it start."""

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
from bench.broker import SOURCE, BenchFailed, Broker
from bench.kafka_streams import java_command
from bench.measurement import Job, Measurement
from bench.topic_follower import read_all
from bench.verification import ExpectedChanges, Verification
from streams.settings.settings import Settings
from tests.servers import Missing

Peer = Literal["kafka-streams", "bytewax", "quix", "faust", "aiokafka"]
PEERS: Final[tuple[Peer, ...]] = ("kafka-streams", "bytewax", "quix", "faust", "aiokafka")

_ROOT: Final = Path(__file__).parents[1]
_PYTHON: Final = _ROOT / ".cache" / "peers" / "bin" / "python"
"""Of the environment in which Bytewax and Quix Streams are installed, apart from Goldstream's; see scripts/peers."""
_FAUST: Final = ("-m", "faust", "-A", "bench.peers.faust_segments", "-L", "uvloop", "worker", "-l", "error")
_START_AND_END_S: Final = 120.0
_DRAIN: Final = 10
"""How many times as long a peer may work on what it took as it may take."""
_SLOWEST: Final = 1000
"""Events a second, below which a peer that takes everything is given up."""


def command_of(peer: Peer) -> list[str]:
    """The command that runs a peer.

    Raises:
        Missing: it cannot be run on this machine; says why.
    """
    if peer == "kafka-streams":
        return java_command()
    if peer == "faust":
        return [sys.executable, *_FAUST, "--without-web"]
    if peer == "aiokafka":
        return [sys.executable, "-m", "bench.peers.bare_consumer"]
    module = {"bytewax": "bytewax", "quix": "quixstreams"}[peer]
    finds = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
    if not _PYTHON.is_file() or subprocess.run([_PYTHON, "-c", finds], check=False).returncode:
        message = f"{module} is not installed for this Python: run `make bench`, which installs it where it can be"
        raise Missing(message)
    return [str(_PYTHON), "-W", "ignore", "-m", f"bench.peers.{peer}_segments"]


def unavailable_peers(peers: Iterable[Peer]) -> dict[Peer, str]:
    """Which of the peers cannot be run here, and why."""
    reasons: dict[Peer, str] = {}
    for peer in peers:
        try:
            command_of(peer)
        except Missing as missing:
            reasons[peer] = str(missing)
    return reasons


@dataclass(frozen=True, slots=True)
class PeerRunner:
    """How peers are run here; `seconds` is how long a slow one may take purchases in."""

    settings: Settings
    broker: Broker
    broker_pid: int | None
    directory: Path
    expected: ExpectedChanges
    seconds: float

    async def run(self, peer: Peer, job: Job, threads: int = 1) -> Measurement:
        """A peer with the segment stage's job, or the whole path.

        The clock runs from the first purchase that it is given until all that it took is judged, acknowledged and
        committed. Faust takes purchases for so many seconds at most, the others take all.

        Args:
            peer: which.
            job: `segment` or `whole`.
            threads: of Kafka Streams alone.
        """
        app = f"bench-{peer}-{job}-{secrets.token_hex(4)}"
        await self.broker.create_peer_topics(*(f"{app}-{name}" for name in ("admitted", "rejected", "changes")))
        cut = peer == "faust"
        clocked = await self._run(app, job, command_of(peer), self.seconds if cut else None, threads)
        covered = self.expected.ends
        if cut:
            covered = {int(partition): end for partition, end in clocked["covered"].items()}
        verdict = await self.expected.verify(lambda: read_all(self.settings, f"{app}-changes"), covered)
        return _measured(peer if threads == 1 else f"{peer} ×{threads}", job, clocked, verdict)

    async def read_only(self) -> Measurement:
        """Read the whole topic with aiokafka alone, from the first fetch to the last record."""
        return _measured("aiokafka", "read", await self._run("bench-bare", "read", command_of("aiokafka")), None)

    async def _run(
        self, app: str, job: Job, command: list[str], cut_after: float | None = None, threads: int = 1
    ) -> dict[str, Any]:
        """Run a peer to its end; what it wrote down.

        Raises:
            BenchFailed: it did not end in time, or ended without a result; with the end of its log.
        """
        result, log = self.directory / f"{app}.json", self.directory / f"{app}.log"
        result.unlink(missing_ok=True)
        all_of_it = self.expected.events / _SLOWEST
        environment = os.environ | {
            "PYTHONPATH": str(_ROOT),
            "BENCH_KAFKA": self.settings.kafka,
            "BENCH_SOURCE": SOURCE,
            "BENCH_APP": app,
            "BENCH_JOB": job,
            "BENCH_THREADS": str(threads),
            "BENCH_EVENTS": str(self.expected.events),
            "BENCH_SECONDS": str(_START_AND_END_S + all_of_it if cut_after is None else cut_after),
            "BENCH_BROKER_PID": str(self.broker_pid or 0),
            "BENCH_DATA": str(self.directory / app),
            "BENCH_RESULT": str(result),
        }
        program = Child(command, log=log, env=environment)
        program.start()
        within_s = _START_AND_END_S + (all_of_it if cut_after is None else _DRAIN * cut_after)
        try:
            ended = await asyncio.to_thread(program.wait, within_s)
        finally:
            program.kill()
            shutil.rmtree(self.directory / app, ignore_errors=True)
        if not result.is_file():
            why = f"ended with status {program.returncode}" if ended else f"did not end within {within_s:.0f} s"
            message = f"{app} {why}; the end of its log:\n{program.tail(10)}"
            raise BenchFailed(message)
        clocked: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        if cut_after is None and clocked["events"] != self.expected.events:
            message = f"{app} took {clocked['events']} of {self.expected.events} purchases"
            raise BenchFailed(message)
        return clocked


def _measured(program: str, job: Job, clocked: Mapping[str, Any], verdict: Verification | None) -> Measurement:
    return Measurement(
        program,
        job,
        clocked["events"],
        clocked["seconds"],
        clocked["cpu"],
        clocked["broker_cpu"],
        *((verdict.changes, verdict.digest, verdict.faults) if verdict else ()),
    )
