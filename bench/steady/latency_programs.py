"""The programs whose latency is measured: `goldstream worker`, with Redis or without, and Kafka Streams."""

import contextlib
import dataclasses
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from agents.demo.embedded.child_process import Child
from bench.testbed.broker import BenchFailed, Broker
from bench.testbed.kafka_streams import java_command
from bench.testbed.process_usage import processor_seconds_of_all
from bench.testbed.testbed import Testbed
from bench.testbed.workers import Workers, all_running, processor_seconds_of
from streams.kafka.topics import Topics, create_topics

KAFKA_STREAMS: Final = "kafka-streams"
GOLDSTREAM: Final = "goldstream"
GOLDSTREAM_WITH_REDIS: Final = "goldstream, Redis"
_ROOT: Final = Path(__file__).parents[2]
_ASSIGNED_WITHIN_S: Final = 60.0
_FOREVER: Final = str(10**9)
"""As a number of events, and of seconds, whose nanoseconds Java still counts."""


@dataclass(frozen=True, slots=True)
class RunningProgram:
    """A program that processes what is published to `source`, and publishes to `changes`.

    Attributes:
        redis: URL and prefix, of a program that projects to Redis.
    """

    name: str
    source: str
    changes: str
    processor_seconds: Callable[[], float | None]
    is_alive: Callable[[], bool]
    redis: tuple[str, str] | None = None


@contextlib.asynccontextmanager
async def running_goldstream(testbed: Testbed, redis: str | None = None) -> AsyncIterator[RunningProgram]:
    """Run a worker with all stages, with a prefix of its own, which projects to the Redis at this URL if there is one.

    Raises:
        BenchFailed: the worker failed.
    """
    prefix = f"{testbed.settings.prefix}-{'redis' if redis else 'plain'}"
    settings = dataclasses.replace(testbed.settings, prefix=prefix, redis=redis)
    await create_topics(settings)
    directory = testbed.directory / prefix
    directory.mkdir()
    topics = Topics(prefix)
    with Workers(settings, directory).running() as workers:
        await workers[0].ready()
        yield RunningProgram(
            GOLDSTREAM_WITH_REDIS if redis else GOLDSTREAM,
            topics.full("purchases"),
            topics.segment_changes,
            partial(processor_seconds_of, workers),
            partial(all_running, workers),
            (redis, prefix) if redis else None,
        )


@contextlib.asynccontextmanager
async def running_kafka_streams(testbed: Testbed) -> AsyncIterator[RunningProgram]:
    """Run Kafka Streams over the whole path, with one thread, without cache and with `linger.ms=0`.

    Raises:
        Missing: Java, its compiler or Maven is not available.
        BenchFailed: it failed.
    """
    app = f"bench-latency-{secrets.token_hex(4)}"
    source, changes = f"{app}-purchases", f"{app}-changes"
    environment = os.environ | {
        "BENCH_KAFKA": testbed.settings.kafka,
        "BENCH_SOURCE": source,
        "BENCH_APP": app,
        "BENCH_JOB": "whole",
        "BENCH_THREADS": "1",
        "BENCH_LINGER_MS": "0",
        "BENCH_EVENTS": _FOREVER,
        "BENCH_SECONDS": _FOREVER,
        "BENCH_BROKER_PID": str(testbed.broker_pid or 0),
        "BENCH_DATA": str(testbed.directory / app),
    }
    program = Child(java_command(), log=testbed.directory / f"{app}.log", env=environment)
    async with Broker(testbed.settings) as broker:
        await broker.create_peer_topics(source, changes, f"{app}-rejected")
        program.start()
        try:
            is_alive = lambda: program.running  # noqa: E731 - a name for one line
            await broker.wait_for_assignment(app, within_s=_ASSIGNED_WITHIN_S, alive=is_alive)
            used = partial(processor_seconds_of_all, program.pid)
            yield RunningProgram(KAFKA_STREAMS, source, changes, used, is_alive)
        except BenchFailed as error:
            message = f"{KAFKA_STREAMS}: {error}; the end of its log:\n{program.tail(10)}"
            raise BenchFailed(message) from error
        finally:
            program.kill()
            shutil.rmtree(testbed.directory / app, ignore_errors=True)
