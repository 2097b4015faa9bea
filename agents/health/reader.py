"""The days taken from Kafka: the last word of every partition on each, added up."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from agents.health.sums import summed
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

LEVELS: Final[tuple[str, ...]] = ("day", "timezone", "currency", "customers", "segments", "reachable", "silenced")
"""What stays as it is while nothing happens."""


class NoDailyTotals(Exception):
    """There is no day to show; says why and what to do."""


async def read_days(settings: Settings, count: int) -> list[dict[str, Any]]:
    """The last `count` days, the latest last, each summed over the partitions.

    Raises:
        NoDays: there is no such topic, or nothing in it.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topic = Topics(settings.prefix).daily
    partitions = (await partitions_by_topic(settings)).get(topic, 0)
    if not partitions:
        raise NoDailyTotals(f"there is no topic {topic}; start a worker, which makes it, or correct GOLDSTREAM_PREFIX")
    told: list[dict[str, bytes]] = []
    for partition in range(partitions):
        days: dict[str, bytes] = {}
        async for batch in read_range(settings.kafka_client(), topic, partition):
            for record in batch:
                if record.value is not None:
                    days[record.key.decode().partition(":")[0]] = record.value
        told.append(days)
    if not any(told):
        raise NoDailyTotals(f"no day is in {topic} yet; run a worker, and publish purchases")
    return last_days(told, count)


def last_days(told: Iterable[Mapping[str, bytes]], count: int) -> list[dict[str, Any]]:
    """The last days of what each partition tells, each summed.

    A partition whose time has not come to a day, just after midnight, counts there with the base as it was at the end
    of its last day.
    """
    partitions = list(told)
    chosen = sorted({day for days in partitions for day in days})[-count:]
    return [summed(part for part in (_at(days, day) for days in partitions) if part is not None) for day in chosen]


def _at(days: Mapping[str, bytes], day: str) -> dict[str, Any] | None:
    """What a partition tells of a day, or how it stood before; None if it had not begun."""
    if day in days:
        return _decode(days[day])
    before = max((each for each in days if each < day), default=None)
    if before is None:
        return None
    told = _decode(days[before])
    return {name: told[name] for name in LEVELS if name in told} | {"day": day}


def _decode(value: bytes) -> dict[str, Any]:
    return msgspec.json.decode(value, type=dict[str, Any])
