"""Workers as an operator starts them: programs of their own, told what to do by their environment."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from agents.demo.embedded.child_process import Child
from bench.broker import BenchFailed
from bench.process_usage import processor_seconds_of_all
from streams.settings.settings import Settings
from tests.integration.workers import RunningWorker

_ROOT: Final = Path(__file__).parents[1]
_COMPILED: Final = _ROOT / ".venv" / "compiled"
"""Where `make compiled` puts the compiled build, which is measured where it is there."""
PROGRAM: Final = "import sys; from agents.cli import main; sys.exit(main())"
_STOP_WITHIN_S: Final = 30.0


def is_compiled() -> bool:
    """Whether workers run the compiled build."""
    return (_COMPILED / ".made").exists()


def import_path() -> str:
    """Where programs find Goldstream: the compiled build first, where it is there."""
    return os.pathsep.join(map(str, [_COMPILED, _ROOT] if is_compiled() else [_ROOT]))


@dataclass(frozen=True, slots=True)
class Workers:
    """How workers are started; each has a data folder of its own, the same one whenever it is started again."""

    settings: Settings
    directory: Path

    @contextlib.contextmanager
    def running(self, count: int = 1, only: str | None = None) -> Iterator[list[RunningWorker]]:
        """So many workers, started together and stopped in order at the end.

        Raises:
            BenchFailed: something here failed, or a worker ended with another status than 0; with the end of its log.
        """
        workers = [self._worker(number, only) for number in range(count)]
        for worker in workers:
            worker.start()
        try:
            yield workers
        except (
            BenchFailed,
            AssertionError,
        ) as failed:  # which is how a RunningWorker says that it waits in vain
            _kill(workers)
            message = f"goldstream worker: {failed}{_ends(workers)}"
            raise BenchFailed(message) from failed
        except BaseException:
            _kill(workers)
            raise
        for worker in workers:
            worker.child.signal(signal.SIGTERM)
        for worker in workers:
            if not worker.child.wait(_STOP_WITHIN_S):
                worker.kill()
        if any(worker.child.returncode for worker in workers):
            message = f"goldstream worker did not end with status 0{_ends(workers)}"
            raise BenchFailed(message)

    def _worker(self, number: int, only: str | None) -> RunningWorker:
        campaigns = self.directory / "no-campaigns.toml"  # the peers have none either: all do the same job
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
    """Whether none has ended."""
    return all(worker.child.running for worker in workers)


def processor_seconds_of(workers: list[RunningWorker]) -> float | None:
    """Processor time of all of them together, in seconds; None where it cannot be told."""
    used = [processor_seconds_of_all(worker.child.pid) for worker in workers]
    return None if None in used else sum(each for each in used if each is not None)


def _kill(workers: list[RunningWorker]) -> None:
    for worker in workers:
        worker.kill()


def _ends(workers: list[RunningWorker]) -> str:
    ends = (f"{each.child.log.name}, status {each.child.returncode}:\n{each.child.tail(10)}" for each in workers)
    return "; the end of " + "\n".join(ends)
