"""Read daily totals from Kafka: each partition's last record of each day, summed over the partitions."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from agents.health.partition_totals import sum_partitions
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

STATE_FIELDS: Final[tuple[str, ...]] = ("day", "timezone", "currency", "customers", "segments", "reachable", "silenced")
"""Fields that describe the customer base; unlike counts of the day, they do not change while nothing happens."""


class NoDailyTotals(Exception):
    """There are no daily totals under the prefix; the message says why and what to do."""


async def read_days(
    settings: Settings, count: int | None, first: str | None = None, last: str | None = None
) -> list[dict[str, Any]]:
    """Read days, oldest first, each summed over the partitions.

    Args:
        settings: of the prefix.
        count: at most so many, up to the last one; None for all.
        first: the first day, such as `2026-05-01`; None for no limit.
        last: the last day; None for no limit.

    Raises:
        NoDailyTotals: the topic does not exist.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topic = Topics(settings.prefix).daily
    partitions = (await partitions_by_topic(settings)).get(topic, 0)
    if not partitions:
        raise NoDailyTotals(
            f"topic {topic} does not exist; start a worker, which creates it, or correct GOLDSTREAM_PREFIX"
        )
    days_by_partition: list[dict[str, bytes]] = []
    for partition in range(partitions):
        days: dict[str, bytes] = {}
        async for batch in read_range(settings.kafka_client(), topic, partition):
            for record in batch:
                if record.value is not None:
                    days[record.key.decode().partition(":")[0]] = record.value
        days_by_partition.append(days)
    return last_days(days_by_partition, count, first, last)


def last_days(
    days_by_partition: Iterable[Mapping[str, bytes]],
    count: int | None,
    first: str | None = None,
    last: str | None = None,
) -> list[dict[str, Any]]:
    """Return the last days that any partition has, from `first` to `last`, each summed over the partitions.

    A partition whose watermark has not reached a day yet, as just after midnight, contributes the state of its
    customers at the end of its last day before.
    """
    partitions = list(days_by_partition)
    found = sorted({day for days in partitions for day in days if (first or day) <= day <= (last or day)})
    chosen = found if count is None else found[-count:]
    return [
        sum_partitions(totals for totals in (_totals_on(days, day) for days in partitions) if totals is not None)
        for day in chosen
    ]


def _totals_on(days: Mapping[str, bytes], day: str) -> dict[str, Any] | None:
    """Return a partition's totals of a day, else its state on the latest day before; None without either."""
    if day in days:
        return _decode(days[day])
    latest_before = max((each for each in days if each < day), default=None)
    if latest_before is None:
        return None
    totals = _decode(days[latest_before])
    return {name: totals[name] for name in STATE_FIELDS if name in totals} | {"day": day}


def _decode(value: bytes) -> dict[str, Any]:
    return msgspec.json.decode(value, type=dict[str, Any])
