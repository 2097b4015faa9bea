"""Goldstream, measured from outside: workers as an operator starts them, watched through the topics that they write."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiokafka import ConsumerRecord

from bench.broker import BenchFailed, Broker
from bench.following import Following, read_all
from bench.measured import Job, Measured
from bench.processor_time import processor_seconds
from bench.verdict import Expected
from state.events import TimeCame, decode_record
from streams.children import Child
from streams.progress import PROGRESS_KEY, decode_progress
from streams.settings import Settings
from streams.topics import Topics

_ROOT: Final = Path(__file__).parents[1]
_SOURCE: Final = "purchases"
_READY_WITHIN_S: Final = 60.0
_STOP_WITHIN_S: Final = 30.0
_SLOWEST: Final = 200
"""Events a second, below which a worker is given up."""


@dataclass(frozen=True, slots=True)
class Goldstream:
    """How Goldstream is run here."""

    settings: Settings
    broker: Broker
    broker_pid: int | None
    directory: Path
    expected: Expected

    async def whole_path(self) -> Measured:
        """From the source topic to published changes, in one worker with all of its stages.

        The clock runs from the moment at which the group of `admit` has its partitions, before a record is fetched,
        until a reader of the lanes' progress has seen it cover every purchase; by then all that came of them is
        acknowledged. Then the history is let come to its end, unmeasured, and the changes are compared.
        """
        await self.broker.make_topics()
        return await self._measure("whole", None, "admit")

    async def segment_alone(self) -> Measured:
        """From the journal to published changes, in a worker with the segment stage only.

        The journal is filled before, ticks and all, by a worker with `admit` only. The clock is that of `whole_path`,
        but for the group, which is that of `segment`.
        """
        await self.broker.make_topics()
        await self._fill_journal()
        return await self._measure("segment", "segment", "segment")

    async def _fill_journal(self) -> None:
        """Let a worker with `admit` only take everything into the journal, up to the last tick."""
        journal = Topics(self.settings.prefix).journal

        def at_end(record: ConsumerRecord) -> bool:
            event = decode_record(record.value)
            return isinstance(event, TimeCame) and event.at >= self.expected.horizon_ms

        async with Following(self.settings, journal) as following:
            with self._worker("admit") as worker:
                await following.until(at_end, within_s=self._patience(), alive=lambda: worker.running)

    async def _measure(self, job: Job, only: str | None, group: str) -> Measured:
        topics, expected, patience = Topics(self.settings.prefix), self.expected, self._patience()

        def covers_all(record: ConsumerRecord) -> bool:
            sources = decode_progress(record.value).sources
            end = expected.ends.get(record.partition, 0)
            return end == 0 or sources.get((_SOURCE, record.partition), -1) >= end - 1

        def at_end(record: ConsumerRecord) -> bool:
            return covers_all(record) and decode_progress(record.value).time >= expected.horizon_ms

        async with Following(self.settings, topics.progress, key=PROGRESS_KEY) as following:
            with self._worker(only) as worker:
                group = f"{topics.prefix}.{group}"
                began = await self.broker.wait_for_assignment(
                    group, within_s=_READY_WITHIN_S, alive=lambda: worker.running
                )
                before = processor_seconds(worker.pid), processor_seconds(self.broker_pid)
                ended = await following.until(covers_all, within_s=patience, alive=lambda: worker.running)
                after = processor_seconds(worker.pid), processor_seconds(self.broker_pid)
                await following.until(at_end, within_s=patience, alive=lambda: worker.running)
        verdict = await expected.judge(lambda: read_all(self.settings, topics.segment_changes))
        return Measured(
            "goldstream",
            job,
            expected.events,
            ended - began,
            used(before[0], after[0]),
            used(before[1], after[1]),
            verdict.changes,
            verdict.digest,
            verdict.faults,
        )

    @contextlib.contextmanager
    def _worker(self, only: str | None) -> Iterator[Child]:
        """A worker that is stopped in order at the end.

        Raises:
            BenchFailed: something here failed, or the worker ended with another status than 0; with the end of its log.
        """
        campaigns = self.directory / "no-campaigns.toml"  # the peers have none either: all do the same job
        campaigns.write_text('name = "none"\nversion = 1\n', encoding="utf-8")
        command = [sys.executable, "-c", "import sys; from agents.cli import main; sys.exit(main())", "worker"]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GOLDSTREAM_")}
        environment = inherited | {
            "PYTHONPATH": str(_ROOT),
            "GOLDSTREAM_KAFKA": self.settings.kafka,
            "GOLDSTREAM_PREFIX": self.settings.prefix,
            "GOLDSTREAM_TIME": self.settings.time,
            "GOLDSTREAM_HTTP": "127.0.0.1:0",
            "GOLDSTREAM_DATA": str(self.directory / "worker"),
            "GOLDSTREAM_CAMPAIGNS": str(campaigns),
        }
        log = self.directory / f"worker-{only or 'all'}.log"
        worker = Child([*command, *(["--only", only] if only else [])], log=log, env=environment)
        worker.start()
        try:
            yield worker
        except BenchFailed as failed:
            worker.kill()
            message = f"goldstream worker: {failed}; the end of its log:\n{worker.tail(10)}"
            raise BenchFailed(message) from failed
        except BaseException:
            worker.kill()
            raise
        worker.stop(_STOP_WITHIN_S)
        if worker.returncode != 0:
            message = f"goldstream worker ended with status {worker.returncode}; the end of its log:\n{worker.tail(10)}"
            raise BenchFailed(message)

    def _patience(self) -> float:
        return 60 + self.expected.events / _SLOWEST


def used(before: float | None, after: float | None) -> float | None:
    """The difference, where both are known."""
    return None if before is None or after is None else after - before
