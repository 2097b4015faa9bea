"""A peer, run as a process of its own that measures itself: its clock does not see it start."""

import asyncio
import json
import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.broker import SOURCE, BenchFailed, Broker
from bench.following import read_all
from bench.measured import Job, Measured
from bench.verdict import Expected, Verdict
from streams.children import Child
from streams.settings import Settings

_ROOT: Final = Path(__file__).parents[1]
_START_AND_END_S: Final = 120.0
_DRAIN: Final = 10
"""How many times as long a peer may work on what it took as it may take."""
_LONG_S: Final = 600.0


@dataclass(frozen=True, slots=True)
class Peers:
    """How peers are run here; `seconds` is how long one may take purchases in."""

    settings: Settings
    broker: Broker
    broker_pid: int | None
    directory: Path
    expected: Expected
    seconds: float

    async def faust(self, job: Job) -> Measured:
        """The ordinary faust-streaming program.

        It takes purchases for so many seconds at most; the clock runs from the first one that its first agent is given
        until all that it took is judged, acknowledged and committed.
        """
        app = f"bench-faust-{job}-{secrets.token_hex(4)}"
        await self.broker.make_topics(*(f"{app}-{name}" for name in ("admitted", "rejected", "changes")))
        command = ["-m", "faust", "-A", "bench.peers.faust_segments", "-L", "uvloop", "worker", "-l", "error"]
        clocked = await self._run(app, job, [*command, "--without-web"], self.seconds)
        covered = {int(partition): end for partition, end in clocked["covered"].items()}
        verdict = await self.expected.judge(lambda: read_all(self.settings, f"{app}-changes"), covered)
        return _measured("faust", job, clocked, verdict)

    async def bare(self) -> Measured:
        """Read the whole topic with aiokafka alone, from the first fetch to the last record."""
        clocked = await self._run("bench-bare", "read", ["-m", "bench.peers.bare_consumer"], _LONG_S)
        return _measured("aiokafka", "read", clocked, None)

    async def _run(self, app: str, job: Job, arguments: list[str], seconds: float) -> dict[str, Any]:
        """Run a peer to its end; what it wrote down.

        Raises:
            BenchFailed: it did not end in time, or ended without a result; with the end of its log.
        """
        result, log = self.directory / f"{app}.json", self.directory / f"{app}.log"
        result.unlink(missing_ok=True)
        environment = os.environ | {
            "PYTHONPATH": str(_ROOT),
            "BENCH_KAFKA": self.settings.kafka,
            "BENCH_SOURCE": SOURCE,
            "BENCH_APP": app,
            "BENCH_JOB": job,
            "BENCH_EVENTS": str(self.expected.events),
            "BENCH_SECONDS": str(seconds),
            "BENCH_BROKER_PID": str(self.broker_pid or 0),
            "BENCH_DATA": str(self.directory / app),
            "BENCH_RESULT": str(result),
        }
        program = Child([sys.executable, *arguments], log=log, env=environment)
        program.start()
        ended = await asyncio.to_thread(program.wait, _START_AND_END_S + _DRAIN * seconds)
        program.kill()
        if not result.is_file():
            why = f"ended with status {program.returncode}" if ended else "did not end in time"
            message = f"{app} {why}; the end of its log:\n{program.tail(10)}"
            raise BenchFailed(message)
        clocked: dict[str, Any] = json.loads(result.read_text(encoding="utf-8"))
        return clocked


def _measured(program: str, job: Job, clocked: Mapping[str, Any], verdict: Verdict | None) -> Measured:
    return Measured(
        program,
        job,
        clocked["events"],
        clocked["seconds"],
        clocked["cpu"],
        clocked["broker_cpu"],
        *((verdict.changes, verdict.digest, verdict.faults) if verdict else ()),
    )
