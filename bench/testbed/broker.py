"""The broker that all programs share: create and fill its topics, and delete them between runs."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any, Final, Self

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import GroupIdNotFound, NoError, NonEmptyGroup, for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from bench.workload import Workload, purchases
from streams.kafka.topics import Topics, create_topics
from streams.kafka.writing.publisher import Publisher
from streams.settings.settings import Settings, TimeMode
from tests.servers.apache_kafka import ApacheKafka

PARTITIONS: Final = 4
PREFIX: Final = "bench"
_GOLDSTREAM_GROUPS: Final = f"{PREFIX}."
SOURCE: Final = Topics(PREFIX).full("purchases")

_POLL_S: Final = 0.02
_GROUP_TIMEOUT_S: Final = 60.0
"""A stopped worker stays a member until its session of 20 s ends: static membership."""
_TOPICS_TIMEOUT_S: Final = 30.0


_DEFAULT_PROPERTIES: Final = """\
group.initial.rebalance.delay.ms=3000
log.cleaner.backoff.ms=15000
log.cleaner.min.cleanable.ratio=0.5
log.cleaner.dedupe.buffer.size=134217728
log.segment.delete.delay.ms=60000
num.network.threads=3
num.io.threads=8
background.threads=10
broker.session.timeout.ms=9000
broker.heartbeat.interval.ms=2000
"""
"""Kafka's defaults for what the tests' broker does sooner or with fewer threads."""


class BenchFailed(Exception):
    """A program failed; the message names it and quotes the end of its log."""


class FastKafka(ApacheKafka):
    """Apache Kafka as operators run it: Kafka's own Java options, and its defaults where the tests' broker differs.

    Because of the default wait for the members of a new group, workers and threads that start together get their
    partitions together, before the clock starts, and no rebalance is measured. `directory` holds its settings, data and
    log.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, for_speed=True)

    def _further_properties(self) -> str:
        return _DEFAULT_PROPERTIES


def settings_for(bootstrap: str, time_mode: TimeMode = "event") -> Settings:
    """Return Goldstream's settings for the benchmark's prefix."""
    lateness_ms = 0 if time_mode == "event" else 5_000
    return Settings(kafka=bootstrap, prefix=PREFIX, partitions=PARTITIONS, time=time_mode, lateness_ms=lateness_ms)


async def publish_purchases(settings: Settings, workload: Workload) -> None:
    """Create the topics and fill the source topic, each purchase in the partition of its customer."""
    await create_topics(settings)
    async with Publisher(settings, SOURCE) as publisher:
        for key, value in purchases(workload):
            await publisher.publish(key, value)


class Broker:
    """Administers topics and groups; an async context manager."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._admin = AIOKafkaAdminClient(**settings.kafka_client())
        self._client = AIOKafkaClient(**settings.kafka_client())  # aiokafka's admin cannot delete groups

    async def __aenter__(self) -> Self:
        """Connect."""
        await self._admin.start()
        await self._client.bootstrap()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Disconnect."""
        await self._admin.close()
        await self._client.close()

    async def delete_topics(self, kept: Collection[str] = ()) -> None:
        """Delete every topic but the source topic and those in `kept`.

        Raises:
            BenchFailed: a topic still exists after 30 s.
        """
        kept = {SOURCE, *kept}
        deleted = [name for name in await self._admin.list_topics() if name not in kept and not name.startswith("__")]
        if deleted:
            _raise_for((await self._admin.delete_topics(deleted)).topic_error_codes)
        deadline = time.monotonic() + _TOPICS_TIMEOUT_S
        while set(deleted) & set(await self._admin.list_topics()):
            if time.monotonic() > deadline:
                message = f"topics are not deleted: {', '.join(sorted(deleted))}"
                raise BenchFailed(message)
            await asyncio.sleep(_POLL_S)

    async def delete_groups(self) -> None:
        """Delete Goldstream's groups once their members' sessions have ended; peers use a new name in each run.

        Raises:
            BenchFailed: a group still has a member after 60 s.
        """
        deadline = time.monotonic() + _GROUP_TIMEOUT_S
        while groups := [
            group for group, *_ in await self._admin.list_consumer_groups() if group.startswith(_GOLDSTREAM_GROUPS)
        ]:
            response = await self._client.send(self._client.get_random_node(), DeleteGroupsRequest(groups))
            _raise_for(response.results, NonEmptyGroup, GroupIdNotFound)
            if time.monotonic() > deadline:
                message = f"groups still have members: {', '.join(sorted(groups))}"
                raise BenchFailed(message)
            await asyncio.sleep(0.5)

    async def create_goldstream_topics(self) -> None:
        """Create the missing topics of Goldstream."""
        await create_topics(self._settings)

    async def create_peer_topics(self, *names: str) -> None:
        """Create topics with as many partitions as the source topic."""
        made = await self._admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        _raise_for(made.topic_errors)

    async def wait_for_assignment(self, group: str, *, within_s: float, alive: Callable[[], bool]) -> float:
        """Wait until a group has assigned its partitions; no record has been read before.

        Returns:
            The `time.perf_counter` of the last check before that, at most some 20 ms too early.

        Raises:
            BenchFailed: it took longer than `within_s` seconds, or a program that was to join has ended.
        """
        deadline = time.monotonic() + within_s
        checked_s = time.perf_counter()
        while alive() and time.monotonic() < deadline:
            previous_s, checked_s = checked_s, time.perf_counter()
            if await self._state_of(group) == "Stable":
                return previous_s
            await asyncio.sleep(_POLL_S)
        message = f"group {group} has not assigned its partitions " + (
            f"within {within_s:.0f} s" if alive() else "before the program ended"
        )
        raise BenchFailed(message)

    async def _state_of(self, group: str) -> str:
        (response,) = await self._admin.describe_consumer_groups([group])
        state: str = response.groups[0][2]
        return state


def _raise_for(results: Iterable[tuple[Any, ...]], *expected: type[Exception]) -> None:
    """Raise the broker's error about any topic or group, except expected ones.

    Raises:
        BenchFailed: names the topic or group, and the error.
    """
    for name, code, *_ in results:
        kind = for_code(code)
        if kind is not NoError and kind not in expected:
            message = f"{name}: {kind.__name__}"
            raise BenchFailed(message)
