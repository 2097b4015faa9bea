"""Measure Goldstream from outside, through the topics that its workers write."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from aiokafka import ConsumerRecord

from bench.measurement import Job, Measurement, difference
from bench.testbed.broker import Broker
from bench.testbed.process_usage import processor_seconds
from bench.testbed.topic_follower import TopicFollower, read_all
from bench.testbed.workers import Workers, all_running, processor_seconds_of
from bench.throughput.verification import ExpectedChanges
from state.records.events import Tick, decode_record
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.progress import PROGRESS_KEY, decode_progress

_SOURCE: Final = "purchases"
_READY_WITHIN_S: Final = 60.0
_MIN_RATE: Final = 1000
"""Events per second below which a run is aborted."""


@dataclass(frozen=True, slots=True)
class GoldstreamRunner:
    """Runs and measures Goldstream."""

    settings: Settings
    broker: Broker
    broker_pid: int | None
    workers: Workers
    expected: ExpectedChanges

    async def whole_path(self, workers: int) -> Measurement:
        """Measure from the source topic to published changes, in workers with all stages.

        The clock starts when the group of `admit` has its partitions, before a record is fetched. It stops when the
        lanes' progress covers every purchase; all outputs are acknowledged by then. After that, unmeasured, the worker
        runs to the end of the history, and the changes are verified.
        """
        await self.broker.create_goldstream_topics()
        return await self._measure("whole", workers, None, "admit")

    async def segment_alone(self, workers: int) -> Measurement:
        """Measure from the filled journal to published changes, in workers with the segment stage only.

        The clock is that of `whole_path`, with the group of `segment`.
        """
        await self.broker.create_goldstream_topics()
        return await self._measure("segment", workers, "segment", "segment")

    async def fill_journal(self) -> None:
        """Run a worker with `admit` only until the journal has everything, up to the last tick."""
        await self.broker.create_goldstream_topics()
        journal = Topics(self.settings.prefix).journal

        def at_end(record: ConsumerRecord) -> bool:
            event = decode_record(record.value)
            return isinstance(event, Tick) and event.at >= self.expected.horizon_ms

        async with TopicFollower(self.settings, journal) as follower:
            with self.workers.running(only="admit") as workers:
                await follower.wait_for_all(at_end, within_s=self._timeout_s(), alive=partial(all_running, workers))

    async def _measure(self, job: Job, count: int, only: str | None, group: str) -> Measurement:
        topics, expected, timeout_s = Topics(self.settings.prefix), self.expected, self._timeout_s()

        def covers_all(record: ConsumerRecord) -> bool:
            sources = decode_progress(record.value).sources
            end = expected.ends.get(record.partition, 0)
            return end == 0 or sources.get((_SOURCE, record.partition), -1) >= end - 1

        def at_end(record: ConsumerRecord) -> bool:
            return covers_all(record) and decode_progress(record.value).watermark >= expected.horizon_ms

        async with TopicFollower(self.settings, topics.progress, key=PROGRESS_KEY) as follower:
            with self.workers.running(count, only) as workers:
                group, alive = f"{topics.prefix}.{group}", partial(all_running, workers)
                started_s = await self.broker.wait_for_assignment(group, within_s=_READY_WITHIN_S, alive=alive)
                cpu_before = processor_seconds_of(workers), processor_seconds(self.broker_pid)
                ended_s = await follower.wait_for_all(covers_all, within_s=timeout_s, alive=alive)
                cpu_after = processor_seconds_of(workers), processor_seconds(self.broker_pid)
                await follower.wait_for_all(at_end, within_s=timeout_s, alive=alive)
        verification = await expected.verify(lambda: read_all(self.settings, topics.segment_changes))
        return Measurement(
            "goldstream" if count == 1 else f"goldstream ×{count}",
            job,
            expected.events,
            ended_s - started_s,
            difference(cpu_before[0], cpu_after[0]),
            difference(cpu_before[1], cpu_after[1]),
            verification.changes,
            verification.digest,
            verification.faults,
        )

    def _timeout_s(self) -> float:
        return 60 + self.expected.events / _MIN_RATE
