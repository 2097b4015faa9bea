"""The broker and the topics that all programs share: what is put there, and what is taken away between two runs."""

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
from streams.kafka.publisher import Publisher
from streams.kafka.topics import Topics, create_topics
from streams.settings.settings import Settings, TimeMode
from tests.servers.apache_kafka import ApacheKafka

PARTITIONS: Final = 4
PREFIX: Final = "bench"
_OURS: Final = f"{PREFIX}."
SOURCE: Final = Topics(PREFIX).full("purchases")

_POLL_S: Final = 0.02
_GROUP_ENDS_WITHIN_S: Final = 60.0
"""A worker that was stopped stays a member for its session of 20 s: static membership."""
_TOPICS_END_WITHIN_S: Final = 30.0


class BenchFailed(Exception):
    """A program did not do what was asked of it; the message says which and what it said."""


class FastKafka(ApacheKafka):
    """Apache Kafka for benchmarks: compiled well; and a new group waits for its members, as is Kafka's own default.

    So workers and threads that start together get their partitions together, before the clock starts, and no program
    is measured rebalancing.
    """

    def __init__(self, directory: Path) -> None:
        """Choose the ports, without starting anything; `directory` is for its settings, data and log."""
        super().__init__(directory, for_speed=True)

    def _further_properties(self) -> str:
        return "group.initial.rebalance.delay.ms=3000\n"


def settings_for(bootstrap: str, time_mode: TimeMode = "event") -> Settings:
    """Settings of Goldstream for the benchmark's prefix."""
    lateness_ms = 0 if time_mode == "event" else 5_000
    return Settings(kafka=bootstrap, prefix=PREFIX, partitions=PARTITIONS, time=time_mode, lateness_ms=lateness_ms)


async def publish_purchases(settings: Settings, scale: Workload) -> None:
    """Make the topics and fill the source topic, each purchase in the partition of its customer."""
    await create_topics(settings)
    async with Publisher(settings, SOURCE) as publisher:
        for key, value in purchases(scale):
            await publisher.publish(key, value)


class Broker:
    """What the benchmark asks of the broker besides reading and writing; an async context manager."""

    def __init__(self, settings: Settings) -> None:
        """Take the settings that lead to it."""
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
        """Take away every topic but the source and those that are to be kept.

        Raises:
            BenchFailed: a topic does not go.
        """
        kept = {SOURCE, *kept}
        gone = [name for name in await self._admin.list_topics() if name not in kept and not name.startswith("__")]
        if gone:
            _raise_for((await self._admin.delete_topics(gone)).topic_error_codes)
        deadline = time.monotonic() + _TOPICS_END_WITHIN_S
        while set(gone) & set(await self._admin.list_topics()):
            if time.monotonic() > deadline:
                message = f"topics do not go: {', '.join(sorted(gone))}"
                raise BenchFailed(message)
            await asyncio.sleep(_POLL_S)

    async def delete_groups(self) -> None:
        """Delete Goldstream's groups, waiting for their members' sessions to end; a peer takes a new name each time.

        Raises:
            BenchFailed: a group keeps a member.
        """
        deadline = time.monotonic() + _GROUP_ENDS_WITHIN_S
        while groups := [group for group, *_ in await self._admin.list_consumer_groups() if group.startswith(_OURS)]:
            response = await self._client.send(self._client.get_random_node(), DeleteGroupsRequest(groups))
            _raise_for(response.results, NonEmptyGroup, GroupIdNotFound)
            if time.monotonic() > deadline:
                message = f"groups keep their members: {', '.join(sorted(groups))}"
                raise BenchFailed(message)
            await asyncio.sleep(0.5)

    async def create_goldstream_topics(self) -> None:
        """Make the topics of Goldstream that are not there."""
        await create_topics(self._settings)

    async def create_peer_topics(self, *names: str) -> None:
        """Make topics with as many partitions as the source."""
        made = await self._admin.create_topics([NewTopic(name, PARTITIONS, 1) for name in names])
        _raise_for(made.topic_errors)

    async def wait_for_assignment(self, group: str, *, within_s: float, alive: Callable[[], bool]) -> float:
        """Wait until a group has given out its partitions: not a record has been read before.

        Returns:
            The moment, by `time.perf_counter`, at which it was last seen to have not, some 20 ms too early at most.

        Raises:
            BenchFailed: it took longer than `within_s` seconds, or who was to join it does so no longer.
        """
        deadline = time.monotonic() + within_s
        asked = time.perf_counter()
        while alive() and time.monotonic() < deadline:
            before, asked = asked, time.perf_counter()
            if await self._state_of(group) == "Stable":
                return before
            await asyncio.sleep(_POLL_S)
        message = f"group {group} has not come together " + (
            f"within {within_s:.0f} s" if alive() else "before the end"
        )
        raise BenchFailed(message)

    async def _state_of(self, group: str) -> str:
        (response,) = await self._admin.describe_consumer_groups([group])
        state: str = response.groups[0][2]
        return state


def _raise_for(results: Iterable[tuple[Any, ...]], *expected: type[Exception]) -> None:
    """Raise what the broker answered for any topic or group, but for what is expected."""
    for name, code, *_ in results:
        kind = for_code(code)
        if kind is not NoError and kind not in expected:
            message = f"{name}: {kind.__name__}"
            raise BenchFailed(message)
