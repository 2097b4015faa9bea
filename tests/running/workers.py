"""Workers and commands as a user runs them: separate processes, configured by their environment."""

import asyncio
import contextlib
import os
import re
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from agents.control.advance import advance
from agents.demo.embedded.child_process import Child
from state.units.timestamps import parse_rfc3339
from streams.clock import SYSTEM_CLOCK
from streams.kafka.topics import create_topics
from streams.settings.settings import load_settings
from tests.running.processes import GOLDSTREAM, RunningProcess

REPOSITORY: Final = Path(__file__).parents[2]
READY_WITHIN_S: Final = 60.0

Answer = TypeVar("Answer")

_NAMED: Final = "gs-"
"""How the names of a worker's processes begin."""
_STARTED: Final = re.compile(r"goldstream worker: stages .*, http \S+:(\d+)")


async def until(
    ask: Callable[[], Awaitable[Answer]], what: str, within_s: float = 60.0, every_s: float = 0.05
) -> Answer:
    """Poll until the answer is true; return it.

    Raises:
        AssertionError: It was not in time; names what was expected.
    """
    deadline = time.monotonic() + within_s
    while not (answer := await ask()):
        assert time.monotonic() < deadline, f"waited {within_s:.0f} s for {what}: {answer!r}"
        await asyncio.sleep(every_s)
    return answer


class Samples:
    """The samples on a worker's `/metrics`."""

    def __init__(self, text: str) -> None:
        """Take Prometheus text."""
        self._samples = [
            (sample.name, sample.labels, sample.value)
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        ]

    def labels(self) -> dict[str, set[str]]:
        """Return the names of all series, each with its labels."""
        return {name: set(labels) for name, labels, _ in self._samples}

    def total(self, metric: str, **labels: str) -> float:
        """Return the sum of a metric's series that have these labels."""
        return sum(value for _, value in self._chosen(metric, labels))

    def values(self, metric: str, *names: str) -> dict[tuple[str, ...], float]:
        """Return the values of a metric's series, zeros included, by the values of its labels."""
        return {tuple(own[name] for name in names): value for own, value in self._chosen(metric, {})}

    def by(self, metric: str, *names: str, **labels: str) -> dict[tuple[str, ...], float]:
        """Return the sums of a metric's series that are not 0, by the values of some labels."""
        sums: dict[tuple[str, ...], float] = {}
        for own, value in self._chosen(metric, labels):
            key = tuple(own[name] for name in names)
            sums[key] = sums.get(key, 0.0) + value
        return {key: value for key, value in sums.items() if value}

    def _chosen(self, metric: str, labels: dict[str, str]) -> Iterator[tuple[dict[str, str], float]]:
        wanted = labels.items()
        return ((own, value) for name, own, value in self._samples if name == metric and wanted <= own.items())


class RunningWorker(RunningProcess):
    """A `goldstream worker`."""

    @property
    def port(self) -> int | None:
        """Its HTTP port, once it is logged."""
        said = _STARTED.search(self.log)
        return int(said[1]) if said else None

    def processes(self) -> dict[str, int]:
        """Return the ids of the processes that its supervisor has started, by `front` and the names of the stages."""
        children = Path(f"/proc/{self.child.pid}/task/{self.child.pid}/children")
        found = {}
        for pid in children.read_text().split() if self.child.running else ():
            with contextlib.suppress(OSError):
                name = Path(f"/proc/{pid}/comm").read_text().strip()
                if name.startswith(_NAMED):
                    found[name.removeprefix(_NAMED)] = int(pid)
        return found

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and text of its answer; (0, "") while it does not answer."""
        port = self.port
        return (0, "") if port is None else await asyncio.to_thread(_get, f"http://127.0.0.1:{port}{path}")

    async def ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait until it reports that it is ready."""

        async def is_ready() -> bool:
            self.check_running()
            return (await self.get("/ready"))[0] == 200

        try:
            await until(is_ready, "a worker to be ready", within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; its log:\n{self.log}") from None

    async def wait_for_log(self, pattern: str, within_s: float = 60.0) -> str:
        """Wait until a line of its log matches; return that line."""

        async def line() -> str:
            return next((line for line in self.log.splitlines() if re.search(pattern, line)), "")

        try:
            return await until(line, f"the log to say {pattern!r}", within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; its log:\n{self.log}") from None

    async def metrics(self) -> Samples:
        """Return its current metrics."""
        status, text = await self.get("/metrics")
        assert status == 200, f"/metrics answered {status}; the worker's log:\n{self.log}"
        return Samples(text)


@dataclass(frozen=True)
class FinishedCommand:
    """The result of a command."""

    status: int
    out: str
    errors: str


@dataclass
class Site:
    """A broker, a prefix and settings that workers and commands share.

    Attributes:
        settings: environment variables without `GOLDSTREAM_`.
        worker_command: what Python runs as a worker.
    """

    kafka: str
    prefix: str
    directory: Path
    settings: dict[str, str]
    worker_command: tuple[str, ...] = ("-c", GOLDSTREAM, "worker")
    workers: list[RunningWorker] = field(default_factory=list)

    def topic(self, name: str) -> str:
        """Return the full name of a topic."""
        return f"{self.prefix}.{name}.v1"

    def environment(self, **settings: str) -> dict[str, str]:
        """Return the environment of a process: of Goldstream's variables only these settings."""
        own = {name: text for name, text in os.environ.items() if not name.startswith("GOLDSTREAM_")}
        given = {"KAFKA": self.kafka, "PREFIX": self.prefix, "HTTP": "127.0.0.1:0", **self.settings, **settings}
        return own | {"PYTHONPATH": str(REPOSITORY)} | {f"GOLDSTREAM_{name}": text for name, text in given.items()}

    def worker(self, *arguments: str, program: tuple[str, ...] | None = None, **settings: str) -> RunningWorker:
        """Start a worker with a data folder of its own.

        Args:
            arguments: of `goldstream worker`.
            program: what Python runs in place of `goldstream`.
            settings: of this worker alone.
        """
        name = f"worker-{len(self.workers)}"
        environment = self.environment(**{"DATA": str(self.directory / name), **settings})
        command = self.worker_command if program is None else (*program, "worker")
        argv = [sys.executable, *command, *arguments]
        worker = RunningWorker(Child(argv, log=self.directory / f"{name}.log", env=environment))
        self.workers.append(worker)
        worker.start()
        return worker

    async def command(
        self, *arguments: str, within_s: float = 100.0, language: str = "C.UTF-8", **settings: str
    ) -> FinishedCommand:
        """Run a command of `goldstream` to its end, in a locale."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", GOLDSTREAM, *arguments),
            cwd=self.directory,
            env=self.environment(**settings) | {"LC_ALL": language},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, errors = await asyncio.wait_for(process.communicate(), within_s)
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        assert process.returncode is not None
        return FinishedCommand(process.returncode, out.decode(), errors.decode())

    async def killed_command(self, module: str, step: str, times: int, *arguments: str) -> None:
        """Run a command that kills itself at a step: `python -m MODULE STEP TIMES COMMAND …`, as `crashing_import`."""
        argv = [sys.executable, "-m", module, step, str(times), *arguments]
        child = Child(argv, log=self.directory / "crashing.log", env=self.environment())
        child.start()
        ended = await asyncio.to_thread(child.wait, 60)
        assert ended, f"it runs on; {child.log.read_text()}"
        assert child.returncode == -signal.SIGKILL, child.log.read_text()

    async def advance(self, to: str, within_s: float = 90.0) -> None:
        """End the history as `goldstream advance --to` does; test_advance.py runs the command itself."""
        status = await advance(load_settings(environ=self.environment()), parse_rfc3339(to), within_s, SYSTEM_CLOCK)
        logs = "\n".join(worker.log for worker in self.workers)
        assert status == 0, f"advance ended with {status}\n{logs}"

    async def create_topics(self) -> None:
        """Create the topics before any worker does, as `goldstream topics create` does."""
        await create_topics(load_settings(environ=self.environment()))

    def close(self) -> None:
        """Kill running workers."""
        for worker in self.workers:
            worker.kill()


def _get(url: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310 - of our own making
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""
