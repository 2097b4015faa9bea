"""A running scenario: workers that are hit by faults while they process a history.

A year is published to the one partition of `events` in waves while the workers run: in event mode the result does not
depend on how it is cut. At the end every check of `tests.fault.scenarios.checks` is applied.
"""

import asyncio
import random
import re
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient

from streams.tables.progress import PROGRESS_KEY, decode_progress
from tests.fault.scenarios.proxy import Proxy
from tests.fault.scenarios.waves import KNOWN_FROM_INPUT, Causes
from tests.fault.workers.next_version_worker import of_this_version
from tests.oracle import Oracle, Result
from tests.records.kafka_records import Ends, Published, publish, read
from tests.retail.comparison import redis_shows_all
from tests.retail.year import Year
from tests.running.workers import RunningWorker, Site, until
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer
from tests.servers.topics import delete_topics, make_topic

PARTITIONS: Final = 4
SHORT_SESSION: Final = ("-m", "tests.fault.workers.short_session_worker")
IMPATIENT: Final = ("-m", "tests.fault.workers.impatient_worker")
LOSSY_POLLS: Final = ("-m", "tests.fault.workers.lossy_poll_worker")
NEXT_VERSION: Final = ("-m", "tests.fault.workers.next_version_worker")
PLAIN: Final = ("-c", "import sys; from agents.cli import main; sys.exit(main())")
SETTLES_WITHIN_S: Final = 90.0

Wave = Sequence[Published]
Fault = Callable[["RunningScenario", Wave], Awaitable[None]]
"""Publish a wave, and let something happen while it is processed, or about to be."""


class TopicFault:
    """A fault that waits for a record of one topic: its wave must cause one.

    Attributes:
        topic: short name of the topic.
    """

    def __init__(self, topic: str, play: Fault, what: str) -> None:
        self.topic = topic
        self._play = play
        self.__doc__ = what

    async def __call__(self, scenario: "RunningScenario", wave: Wave) -> None:
        """Play the fault."""
        await self._play(scenario, wave)


@dataclass
class RunningScenario:
    """Workers, their input, and what faults need.

    Attributes:
        rng: draws which worker is hit, and when.
        source: short name of the topic that the workers read.
        kafka: the broker, which all scenarios share that run at the same time.
        redis: a Redis of its own.
        program: what workers and commands that start from now on run.
        history: what has happened, for the test's output.
        lines: the proxies of workers that have one; `spare_lines` are for workers that start later.
    """

    site: Site
    rng: random.Random
    kafka: ApacheKafka
    redis: RedisServer
    source: str = "events"
    program: tuple[str, ...] = SHORT_SESSION
    history: list[str] = field(default_factory=list)
    lines: "dict[RunningWorker, Proxy]" = field(default_factory=dict)
    spare_lines: list[Proxy] = field(default_factory=list)

    @property
    def workers(self) -> list[RunningWorker]:
        """The running workers."""
        return [worker for worker in self.site.workers if worker.child.running]

    def worker(self, **settings: str) -> RunningWorker:
        """Start another worker, behind a spare proxy if there is one."""
        line = self.spare_lines.pop() if self.spare_lines else None
        if line is not None:
            settings["KAFKA"] = line.bootstrap
        worker = self.site.worker(program=self.program, **settings)
        if line is not None:
            self.lines[worker] = line
        return worker

    def any_worker(self) -> RunningWorker:
        """Return any running worker."""
        return self.rng.choice(self.workers)

    async def stop(self, worker: RunningWorker) -> None:
        """Stop a worker gracefully, after it has become ready: while it starts, it cannot handle a signal yet."""
        await worker.ready()
        assert await worker.stop() == 0, worker.log

    def log(self, what: str) -> None:
        """Log what happens."""
        self.history.append(what)
        print(f"{self.site.prefix}: {what}", flush=True)

    async def all_read(self) -> None:
        """Wait until everything published so far is journaled or rejected."""
        async with Ends(self.kafka.bootstrap) as ends:
            wanted = await ends.of(self.site.topic(self.source))

            async def all_there() -> bool:
                return await ends.of(self.site.topic("journal")) + await ends.of(self.site.topic("rejected")) >= wanted

            await until(all_there, "all records to be read", SETTLES_WITHIN_S)

    async def assigned(self, worker: RunningWorker, stage: str = "segment") -> int:
        """Return how many partitions a stage of a worker has; 0 while it is not ready."""
        if (await worker.get("/ready"))[0] != 200:
            return 0
        _, text = await worker.get("/metrics")  # not parsed: every worker is asked many times a second
        found = re.search(rf'^goldstream_assigned_partitions{{stage="{stage}"}} (\d+)', text, re.MULTILINE)
        return int(found[1]) if found else 0

    async def members(self, stage: str = "segment") -> int:
        """Return how many members the group of a stage has."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.kafka.bootstrap)
        await admin.start()
        try:
            ((group, *_),) = [each.groups for each in await admin.describe_consumer_groups([self.group(stage)])]
        finally:
            await admin.close()
        return len(group[5])

    def group(self, stage: str) -> str:
        """Return the consumer group of a stage."""
        return f"{self.site.prefix}.{stage}"

    async def shared(self, workers: Sequence[RunningWorker] | None = None) -> None:
        """Wait until these workers, by default all running ones, share the journal's partitions."""

        async def all_there() -> bool:
            each = [await self.assigned(worker) for worker in workers or self.workers]
            return sum(each) == PARTITIONS and min(each) > 0

        await until(all_there, "the workers to share the partitions", SETTLES_WITHIN_S, every_s=0.1)

    async def publish(self, wave: Wave) -> None:
        """Publish a wave."""
        raise NotImplementedError

    async def processed_all(self) -> None:
        """Wait until everything published so far is processed."""
        raise NotImplementedError

    async def play(self, faults: Sequence[Fault], waves: Sequence[Wave] = ()) -> None:
        """Play one fault after the other, each with a wave of its own if there are waves."""
        for number, fault in enumerate(faults):
            self.log((fault.__doc__ or fault.__name__).splitlines()[0].rstrip("."))
            await fault(self, waves[number] if waves else ())

    async def work_on(self, wave: Wave) -> None:
        """Publish a wave, and wait until some of it has been processed; how much, and how far, is drawn."""
        raise NotImplementedError


@dataclass
class RunningYear(RunningScenario):
    """A scenario over a year.

    Attributes:
        oracle: what must be published, once it is computed.
        published: how many records of the year have been published.
    """

    year: Year = field(kw_only=True)
    oracle: "asyncio.Task[Result]" = field(kw_only=True)
    published: int = 0

    async def causes(self, *, with_outputs: bool) -> Causes:
        """Return what each record of the year causes.

        Args:
            with_outputs: wait until the oracle knows the outputs; otherwise they are left out while it is busy.
        """
        return Causes.of(self.year, await self.oracle if with_outputs or self.oracle.done() else None)

    async def work_on(self, wave: Wave) -> None:
        """Publish a wave, and wait until at most half of what it must cause in some topic is there."""
        causes, begin = await self.causes(with_outputs=False), self.published
        counts = {
            topic: causes.count_caused(topic, begin, begin + len(wave))
            for topic in ("journal", "segment-changes", "customers")
        }
        topic = self.rng.choice([name for name, count in counts.items() if count])
        more = self.rng.randint(1, max(1, counts[topic] // 2))
        async with Ends(self.kafka.bootstrap) as ends:
            wanted = await ends.of(self.site.topic(topic)) + more
            await self.publish(wave)

            async def come() -> bool:
                return await ends.of(self.site.topic(topic)) >= wanted

            await until(come, f"{more} more records in {topic}", SETTLES_WITHIN_S, every_s=0.005)

    async def publish(self, records: Wave) -> None:
        """Publish the next part of the year directly to the broker."""
        self.published += len(records)
        await publish(self.kafka.bootstrap, self.site.topic("events"), records)

    async def processed_all(self) -> None:
        """Wait until everything published so far is processed."""
        await self.all_read()
        ends = Counter(record.partition for record in await read(self.kafka.bootstrap, self.site.topic("journal")))

        async def done() -> bool:
            progress = {
                record.partition: decode_progress(of_this_version("progress", record.value)).offset
                for record in await read(self.kafka.bootstrap, self.site.topic("progress"))
                if record.key == PROGRESS_KEY
            }
            return all(progress.get(partition, 0) >= end for partition, end in ends.items())

        await until(done, "all of the journal to be worked on", SETTLES_WITHIN_S, every_s=0.2)

    async def settle(self) -> None:
        """End the year, and wait until Redis shows all of it."""
        if self.program == NEXT_VERSION:
            await self._advance_by_program()
        else:
            await self.site.advance(self.year.ends_at, SETTLES_WITHIN_S)
        await redis_shows_all(self.kafka.bootstrap, self.redis.url, self.site.prefix)

    async def _advance_by_program(self) -> None:
        """Advance by the command of the next version: this process cannot read what its workers have written."""
        to = ("--to", self.year.ends_at, "--timeout", f"{SETTLES_WITHIN_S:.0f}s")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, *self.program, "advance", *to),
            env=self.site.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await process.communicate()
        logs = "\n".join(worker.log for worker in self.site.workers)
        assert process.returncode == 0, f"advance ended with {process.returncode}: {errors.decode()}\n{logs}"


@asynccontextmanager
async def running_year(
    kafka: ApacheKafka,
    prefix: str,
    directory: Path,
    year: Year,
    *,
    workers: int,
    lines: int = 0,
    program: tuple[str, ...] = SHORT_SESSION,
) -> AsyncIterator[RunningYear]:
    """Start a scenario with this many workers, which have shared the partitions; stop everything with the context.

    The first `lines` of them have a proxy of their own.
    """
    await asyncio.to_thread(directory.mkdir, parents=True, exist_ok=True)
    redis = RedisServer(directory)
    site = Site(kafka.bootstrap, prefix, directory, year.rules.settings(directory))
    site.settings |= {"TIME": "event", "REDIS": redis.url, "PARTITIONS": str(PARTITIONS)}
    oracle = asyncio.create_task(asyncio.to_thread(Oracle(prefix).run, list(year.steps())))
    async with AsyncExitStack() as stack:
        stack.push_async_callback(asyncio.wait, {oracle})
        stack.push_async_callback(asyncio.to_thread, redis.stop)
        stack.push_async_callback(delete_topics, kafka.bootstrap, prefix)
        stack.push_async_callback(asyncio.to_thread, site.close)
        await asyncio.to_thread(redis.start)
        await make_topic(kafka.bootstrap, site.topic("events"))
        ways = [await stack.enter_async_context(Proxy(kafka.bootstrap)) for _ in range(lines)]
        drawn = random.Random(year.seed)
        started = RunningYear(site, drawn, kafka, redis, program=program, spare_lines=ways, year=year, oracle=oracle)
        for _ in range(workers):
            started.worker()
        if workers:
            await started.shared()
        yield started


async def play_year(scenario: RunningYear, faults: Sequence[Fault]) -> None:
    """Publish the year in waves, one for each fault and one after them."""
    needs = [fault.topic if isinstance(fault, TopicFault) else None for fault in faults]
    with_outputs = any(topic is not None and topic not in KNOWN_FROM_INPUT for topic in needs)
    waves = (await scenario.causes(with_outputs=with_outputs)).cut([*needs, None])
    await scenario.play(faults, waves)
    await scenario.publish(waves[-1])
    await scenario.settle()
