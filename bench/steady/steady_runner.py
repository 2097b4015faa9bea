"""Run a steady load, in its own process, next to a program that processes it."""

import asyncio
import json
import os
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final, Self

from agents.demo.embedded.child_process import Child
from bench.steady.steady_plan import SteadyPlan, SteadyResult
from bench.testbed.broker import BenchFailed
from bench.testbed.peer_runner import peers_python

_ROOT: Final = Path(__file__).parents[2]
LEAD_S: Final = 3.0
"""How long the process has to start and to connect."""
CHANGES_TIMEOUT_S: Final = 30.0
_STOP_TIMEOUT_S: Final = 60.0


class SteadyLoad:
    """A steady load; a context manager, which ends its process.

    Attributes:
        name: contained in its ids.
        begin_s: the `time.perf_counter` of the first purchase.
    """

    def __init__(  # noqa: PLR0913 - what a load is
        self,
        kafka: str,
        directory: Path,
        *,
        source: str,
        changes: str,
        name: str,
        rate: float,
        seconds: float,
        kind: str = "",
        changes_timeout_s: float = CHANGES_TIMEOUT_S,
    ) -> None:
        """Plan a load that begins in `LEAD_S` seconds; see `SteadyPlan` for the arguments."""
        python = peers_python("confluent_kafka")
        self.name = name
        self.begin_s = time.perf_counter() + LEAD_S
        self._plan_file, self._result_file = directory / f"{name}.plan.json", directory / f"{name}.result.json"
        self._plan = SteadyPlan(
            kafka, source, changes, name, rate, self.begin_s, seconds, kind, changes_timeout_s, str(self._result_file)
        )
        self._child = Child(
            [python, "-m", "bench.steady.steady_load", str(self._plan_file)],
            log=directory / f"{name}.log",
            env=os.environ | {"PYTHONPATH": str(_ROOT)},
        )

    def __enter__(self) -> Self:
        """Start its process."""
        self._plan_file.write_text(json.dumps(asdict(self._plan)), encoding="utf-8")
        self._child.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End its process."""
        self._child.kill()

    @property
    def pid(self) -> int | None:
        """Its process."""
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether its process has not ended."""
        return self._child.running

    def stop_publishing(self) -> None:
        """End the publishing early."""
        self._child.signal(signal.SIGTERM)

    async def result(self) -> SteadyResult:
        """Wait until it has ended, and return its result.

        Raises:
            BenchFailed: it failed; the message has the end of its log.
        """
        planned_s = self._plan.begin_s + self._plan.seconds - time.perf_counter()
        within_s = planned_s + self._plan.changes_timeout_s + _STOP_TIMEOUT_S
        ended = await asyncio.to_thread(self._child.wait, within_s)
        if not ended or not self._result_file.is_file():
            reason = f"ended with status {self._child.returncode}" if ended else f"did not end in {within_s:.0f} s"
            message = f"the load {self.name} {reason}; the end of its log:\n{self._child.tail(10)}"
            raise BenchFailed(message)
        return SteadyResult.from_json(json.loads(self._result_file.read_text(encoding="utf-8")))
