"""Run workers as an operator does: separate processes, configured by their environment."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.demo.embedded.child_process import Child
from bench.testbed.broker import BenchFailed
from bench.testbed.process_usage import processor_seconds_of_all
from streams.settings.settings import Settings
from tests.running.workers import RunningWorker

_ROOT: Final = Path(__file__).parents[2]
_COMPILED: Final = _ROOT / ".venv" / "compiled"
"""Where `make compiled` puts the compiled build, which is measured if it exists."""
PROGRAM: Final = "import sys; from agents.cli import main; sys.exit(main())"
_STOP_TIMEOUT_S: Final = 30.0


def is_compiled() -> bool:
    """Return whether workers run the compiled build."""
    return (_COMPILED / ".made").exists()


def build_description() -> str:
    """Return how the fold that workers run was built, and whether that build is older than its sources."""
    if not is_compiled():
        return "interpreted"
    made_at = (_COMPILED / ".made").stat().st_mtime
    sources = (each for package in ("state", "streams") for each in (_ROOT / package).rglob("*.py"))
    is_outdated = any(each.stat().st_mtime > made_at for each in sources)
    return "compiled, OLDER THAN ITS SOURCES: run `make compiled`" if is_outdated else "compiled"


def import_path() -> str:
    """Return PYTHONPATH for workers, with the compiled build first if it exists."""
    return os.pathsep.join(map(str, [_COMPILED, _ROOT] if is_compiled() else [_ROOT]))


@dataclass(frozen=True, slots=True)
class Workers:
    """Starts workers, each with its own data folder, which it keeps when it is started again."""

    settings: Settings
    directory: Path

    @contextlib.contextmanager
    def running(self, count: int = 1, only: str | None = None) -> Iterator[list[RunningWorker]]:
        """Run workers, started together and stopped in order at the end.

        Raises:
            BenchFailed: the measurement failed, or a worker ended with a status other than 0; the message has the ends
                of the logs.
        """
        workers = [self._worker(number, only) for number in range(count)]
        for worker in workers:
            worker.start()
        try:
            yield workers
        except (
            BenchFailed,
            AssertionError,
        ) as error:  # a RunningWorker raises AssertionError when it waits in vain
            _kill(workers)
            message = f"goldstream worker: {error}{_log_ends(workers)}"
            raise BenchFailed(message) from error
        except BaseException:
            _kill(workers)
            raise
        for worker in workers:
            worker.child.signal(signal.SIGTERM)
        for worker in workers:
            if not worker.child.wait(_STOP_TIMEOUT_S):
                worker.kill()
        if any(worker.child.returncode for worker in workers):
            message = f"goldstream worker did not end with status 0{_log_ends(workers)}"
            raise BenchFailed(message)

    def _worker(self, number: int, only: str | None) -> RunningWorker:
        campaigns = self.directory / "no-campaigns.toml"  # the peers have none either, so all do the same job
        campaigns.write_text('name = "none"\nversion = 1\n', encoding="utf-8")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GOLDSTREAM_")}
        environment = inherited | {
            "PYTHONPATH": import_path(),
            "GOLDSTREAM_KAFKA": self.settings.kafka,
            "GOLDSTREAM_PREFIX": self.settings.prefix,
            "GOLDSTREAM_TIME": self.settings.time,
            "GOLDSTREAM_HTTP": "127.0.0.1:0",
            "GOLDSTREAM_DATA": str(self.directory / f"worker-{number}"),
            "GOLDSTREAM_CAMPAIGNS": str(campaigns),
            "GOLDSTREAM_REDIS": self.settings.redis or "",
        }
        command = [sys.executable, "-P", "-c", PROGRAM, "worker", *(["--only", only] if only else [])]
        log = self.directory / f"worker-{number}-{only or 'all'}.log"
        return RunningWorker(Child(command, log=log, env=environment))


def all_running(workers: list[RunningWorker]) -> bool:
    """Return whether no worker has ended."""
    return all(worker.child.running for worker in workers)


def processor_seconds_of(workers: list[RunningWorker]) -> float | None:
    """Return the processor time of all workers together, in seconds; None if it is unknown."""
    used = [processor_seconds_of_all(worker.child.pid) for worker in workers]
    return None if None in used else sum(each for each in used if each is not None)


def _kill(workers: list[RunningWorker]) -> None:
    for worker in workers:
        worker.kill()


def _log_ends(workers: list[RunningWorker]) -> str:
    ends = (f"{each.child.log.name}, status {each.child.returncode}:\n{each.child.tail(10)}" for each in workers)
    return "; the end of " + "\n".join(ends)
