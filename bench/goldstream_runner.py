"""Goldstream, measured from outside: workers watched through the topics that they write."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from aiokafka import ConsumerRecord

from bench.broker import Broker
from bench.measurement import Job, Measurement, difference
from bench.process_usage import processor_seconds
from bench.topic_follower import TopicFollower, read_all
from bench.verification import ExpectedChanges
from bench.workers import Workers, all_running, processor_seconds_of
from state.records.events import Tick, decode_record
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.progress import PROGRESS_KEY, decode_progress

_SOURCE: Final = "purchases"
_READY_WITHIN_S: Final = 60.0
_SLOWEST: Final = 1000
"""Events a second, below which a worker is given up."""


@dataclass(frozen=True, slots=True)
class GoldstreamRunner:
    """How Goldstream is run here."""

    settings: Settings
    broker: Broker
    broker_pid: int | None
    workers: Workers
    expected: ExpectedChanges

    async def whole_path(self, workers: int) -> Measurement:
        """From the source topic to published changes, in workers with all of their stages.

        The clock runs from the moment at which the group of `admit` has its partitions, before a record is fetched,
        until a reader of the lanes' progress has seen it cover every purchase; by then all that came of them is
        acknowledged. Then the history is let come to its end, unmeasured, and the changes are compared.
        """
        await self.broker.create_goldstream_topics()
        return await self._measure("whole", workers, None, "admit")

    async def segment_alone(self, workers: int) -> Measurement:
        """From the journal, which must be filled, to published changes, in workers with the segment stage only.

        The clock is that of `whole_path`, but for the group, which is that of `segment`.
        """
        await self.broker.create_goldstream_topics()
        return await self._measure("segment", workers, "segment", "segment")

    async def fill_journal(self) -> None:
        """Let a worker with `admit` only take everything into the journal, up to the last tick."""
        await self.broker.create_goldstream_topics()
        journal = Topics(self.settings.prefix).journal

        def at_end(record: ConsumerRecord) -> bool:
            event = decode_record(record.value)
            return isinstance(event, Tick) and event.at >= self.expected.horizon_ms

        async with TopicFollower(self.settings, journal) as following:
            with self.workers.running(only="admit") as workers:
                await following.wait_for_all(at_end, within_s=self._patience(), alive=partial(all_running, workers))

    async def _measure(self, job: Job, count: int, only: str | None, group: str) -> Measurement:
        topics, expected, patience = Topics(self.settings.prefix), self.expected, self._patience()

        def covers_all(record: ConsumerRecord) -> bool:
            sources = decode_progress(record.value).sources
            end = expected.ends.get(record.partition, 0)
            return end == 0 or sources.get((_SOURCE, record.partition), -1) >= end - 1

        def at_end(record: ConsumerRecord) -> bool:
            return covers_all(record) and decode_progress(record.value).watermark >= expected.horizon_ms

        async with TopicFollower(self.settings, topics.progress, key=PROGRESS_KEY) as following:
            with self.workers.running(count, only) as workers:
                group, alive = f"{topics.prefix}.{group}", partial(all_running, workers)
                began = await self.broker.wait_for_assignment(group, within_s=_READY_WITHIN_S, alive=alive)
                before = processor_seconds_of(workers), processor_seconds(self.broker_pid)
                ended = await following.wait_for_all(covers_all, within_s=patience, alive=alive)
                after = processor_seconds_of(workers), processor_seconds(self.broker_pid)
                await following.wait_for_all(at_end, within_s=patience, alive=alive)
        verdict = await expected.verify(lambda: read_all(self.settings, topics.segment_changes))
        return Measurement(
            "goldstream" if count == 1 else f"goldstream ×{count}",
            job,
            expected.events,
            ended - began,
            difference(before[0], after[0]),
            difference(before[1], after[1]),
            verdict.changes,
            verdict.digest,
            verdict.faults,
        )

    def _patience(self) -> float:
        return 60 + self.expected.events / _SLOWEST
