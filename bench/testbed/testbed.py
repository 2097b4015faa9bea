"""What every measurement runs on: a separate Apache Kafka, a folder, and workers."""

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from aiokafka.errors import KafkaError

from bench.testbed.broker import BenchFailed, FastKafka, settings_for
from bench.testbed.workers import Workers
from streams.kafka.topics import Topics, create_topics
from streams.settings.settings import Settings, TimeMode

LogProgress: TypeAlias = Callable[[str], None]
Result = TypeVar("Result")
_TIMEOUT_S: Final = 3600.0
"""When a measurement is aborted, whatever it waits for."""


@dataclass(frozen=True, slots=True)
class Testbed:
    """What a measurement gets; all topics of Goldstream exist and are empty.

    Attributes:
        broker_pid: the process of the broker.
    """

    settings: Settings
    topics: Topics
    workers: Workers
    log: LogProgress
    broker_pid: int | None = None

    @property
    def directory(self) -> Path:
        """A folder for logs and other files."""
        return self.workers.directory


def run_on_testbed(time_mode: TimeMode, log: LogProgress, measure: Callable[[Testbed], Awaitable[Result]]) -> Result:
    """Start a broker, measure, and stop the broker; nothing of it remains.

    Raises:
        Missing: Java or Maven is not available.
        BenchFailed: the measurement failed.
    """
    with running_kafka(log) as (kafka, directory):
        settings = settings_for(kafka.bootstrap, time_mode)

        async def run() -> Result:
            await create_topics(settings)
            testbed = Testbed(settings, Topics(settings.prefix), Workers(settings, directory), log, kafka.pid)
            return await asyncio.wait_for(measure(testbed), _TIMEOUT_S)

        try:
            return asyncio.run(run())
        except (KafkaError, TimeoutError) as error:
            raise BenchFailed(str(error) or f"not done within {_TIMEOUT_S:.0f} s") from error


@contextlib.contextmanager
def running_kafka(log: LogProgress) -> Iterator[tuple[FastKafka, Path]]:
    """Run an Apache Kafka, with a folder for other files; nothing of either remains at the end.

    Raises:
        Missing: Java or Maven is not available.
    """
    with tempfile.TemporaryDirectory(prefix="goldstream-bench-") as folder:
        kafka = FastKafka(Path(folder) / "kafka")
        log("starting Apache Kafka")
        kafka.start()
        try:
            yield kafka, Path(folder)
        finally:
            kafka.stop()
