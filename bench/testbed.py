"""What every measurement stands on: an Apache Kafka of its own, a folder, workers, and purchases to give them."""

import asyncio
import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias, TypeVar

from aiokafka.errors import KafkaError

from bench.broker import BenchFailed, FastKafka, settings_for
from bench.workers import Workers
from streams.kafka.topics import Topics, create_topics
from streams.settings.settings import Settings, TimeMode

LogProgress: TypeAlias = Callable[[str], None]
Result = TypeVar("Result")
_AT_MOST_S: Final = 3600.0
"""When a measurement is given up, whatever it waits for."""


@dataclass(frozen=True, slots=True)
class Testbed:
    """What a measurement is given; all of Goldstream's topics are there, empty."""

    settings: Settings
    topics: Topics
    workers: Workers
    log: LogProgress


def run_on_testbed(time_mode: TimeMode, say: LogProgress, measure: Callable[[Testbed], Awaitable[Result]]) -> Result:
    """Start a broker, measure, stop the broker; nothing of it is left.

    Raises:
        Missing: Java or Maven is not to be had.
        BenchFailed: what was to be measured did not come about.
    """
    with running_kafka(say) as (kafka, directory):
        settings = settings_for(kafka.bootstrap, time_mode)

        async def measured() -> Result:
            await create_topics(settings)
            ground = Testbed(settings, Topics(settings.prefix), Workers(settings, directory), say)
            return await asyncio.wait_for(measure(ground), _AT_MOST_S)

        try:
            return asyncio.run(measured())
        except (KafkaError, TimeoutError) as failed:
            raise BenchFailed(str(failed) or f"not done within {_AT_MOST_S:.0f} s") from failed


@contextlib.contextmanager
def running_kafka(say: LogProgress) -> Iterator[tuple[FastKafka, Path]]:
    """An Apache Kafka, and a folder for what else is kept on disk; nothing of either is left at the end.

    Raises:
        Missing: Java or Maven is not to be had.
    """
    with tempfile.TemporaryDirectory(prefix="goldstream-bench-") as folder:
        kafka = FastKafka(Path(folder) / "kafka")
        say("starting Apache Kafka")
        kafka.start()
        try:
            yield kafka, Path(folder)
        finally:
            kafka.stop()
