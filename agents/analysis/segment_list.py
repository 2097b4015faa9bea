"""List the customers of a segment, by monetary: from Redis, or from the changelog in Kafka where there is no Redis."""

import heapq
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec

from agents.analysis.customer_tables import read_customer_tables
from agents.project.customer_row import customer_row
from agents.project.redis_connection import connect_redis
from state.config.active_rules import ActiveRules
from state.customer.segment_forecast import SegmentForecast
from streams.settings.settings import Settings

_ROWS: Final = 1_000
"""Customers that are asked for in one pipeline."""


class ListedCustomer(msgspec.Struct, frozen=True):
    """A customer of a segment: money in major units, moments as in the changes, unknown values as null.

    `channels` are those on which the customer can be reached.
    """

    customer_id: str
    cell: str
    monetary: str
    currency: str
    frequency: int
    last_order_at: str | None
    since: str
    lifetime_orders: int
    lifetime_value: str
    average_check: str
    channels: list[str]
    as_of: str


class SegmentList(NamedTuple):
    """The customers of a segment.

    Attributes:
        origin: where they were read.
        as_of_ms: the lowest watermark of the partitions, from Kafka; None from Redis, or before the first tick.
        total: how many customers the segment has.
        customers: the first of them, highest monetary first.
    """

    origin: Literal["redis", "kafka"]
    as_of_ms: int | None
    total: int
    customers: list[ListedCustomer]


async def list_from_redis(settings: Settings, segment: str, limit: int | None) -> SegmentList:
    """Return the customers of a segment that Redis has.

    Args:
        settings: with a Redis.
        segment: its name.
        limit: how many at most; None for all.

    Raises:
        redis.exceptions.RedisError, OSError: Redis cannot be reached.
    """
    redis = connect_redis(settings)
    key = f"{settings.prefix}:segment:{segment}"
    try:
        total = int(await redis.zcard(key))
        ids = cast("list[str]", await redis.zrevrange(key, 0, -1 if limit is None else limit - 1))
        customers: list[ListedCustomer] = []
        for begin in range(0, len(ids), _ROWS):
            part = ids[begin : begin + _ROWS]
            async with redis.pipeline(transaction=False) as pipeline:
                for customer_id in part:
                    pipeline.hgetall(f"{settings.prefix}:customer:{customer_id}")
                rows = await pipeline.execute()
            # a customer may have moved on between the two questions
            listed = zip(part, rows, strict=True)
            customers.extend(_listed(each, row) for each, row in listed if row.get("segment") == segment)
    finally:
        await redis.aclose()
    return SegmentList("redis", None, total, customers)


async def list_from_kafka(
    settings: Settings, rules: ActiveRules, segment: str, limit: int | None, on_progress: Callable[[float], None]
) -> SegmentList:
    """Return the customers of a segment that the changelog has, as the last flush of the workers left them.

    Args:
        settings: of the prefix.
        rules: what `control` has, with a policy.
        segment: its name.
        limit: how many at most; None for all.
        on_progress: called with the share of partitions that are done, from 0 to 1.

    Raises:
        FatalError: another version wrote a record, or something is missing.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    assert rules.policy is not None
    forecasts: dict[str, SegmentForecast] = {}
    found: list[tuple[int, str, ListedCustomer]] = []
    watermarks: list[int] = []
    total = 0
    async for part in read_customer_tables(settings):
        (table,) = part.tables
        if part.watermark_ms is not None:
            watermarks.append(part.watermark_ms)
        ids = [customer_id for customer_id, head in table.heads() if head.segment == segment]
        total += len(ids)
        profiles = ((customer_id, table.get(customer_id)) for customer_id in ids)
        ranked = ((profile.monetary, each, profile) for each, profile in profiles if profile is not None)
        for monetary, customer_id, profile in _highest(ranked, limit):
            forecast = forecasts.get(profile.policy)
            if forecast is None:
                policy = rules.policies.get(profile.policy, rules.policy)
                forecast = forecasts[profile.policy] = SegmentForecast(policy)
            found.append((monetary, customer_id, _listed(customer_id, customer_row(profile, forecast))))
        on_progress((part.number + 1) / part.partitions)
    customers = [each for *_, each in _highest(iter(found), limit)]
    return SegmentList("kafka", min(watermarks, default=None), total, customers)


def _highest(ranked: "Iterator[tuple[int, str, Any]]", limit: int | None) -> list[tuple[int, str, Any]]:
    """Return the first by monetary, ties by id: the order of Redis."""

    def rank(each: tuple[int, str, Any]) -> tuple[int, bytes]:
        return each[0], each[1].encode()

    return sorted(ranked, key=rank, reverse=True) if limit is None else heapq.nlargest(limit, ranked, key=rank)


def _listed(customer_id: str, row: Mapping[str, str | int]) -> ListedCustomer:
    """Return a customer from the fields of their hash in Redis, whose values are all texts there."""
    return ListedCustomer(
        customer_id=customer_id,
        cell=str(row["cell"]),
        monetary=str(row["monetary"]),
        currency=str(row["currency"]),
        frequency=int(row["frequency"]),
        last_order_at=str(row["last_order_at"]) or None,
        since=str(row["since"]),
        lifetime_orders=int(row["lifetime_orders"]),
        lifetime_value=str(row["lifetime_value"]),
        average_check=str(row["average_check"]),
        channels=str(row.get("channels", "")).split(),
        as_of=str(row["as_of"]),
    )
