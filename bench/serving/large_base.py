"""A base of any size, in Redis as `project` writes it: a few customers with a history, then the same under other ids.

The worker itself evaluates the first customers. Their records in the changelog and in `segment-changes` are published
again under other keys, and the worker projects those like any others.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final, NamedTuple

import orjson
from redis.asyncio import Redis

from agents.project.base_totals import decode_totals
from agents.project.projection_keys import MOVE_DAYS, ProjectionKeys
from bench.testbed.broker import BenchFailed
from state.units.timestamps import DAY_MS, format_ms, parse_rfc3339
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.kafka.writing.publisher import Publisher
from streams.settings.settings import Settings

HISTORY_DAYS: Final = 365
_CONSENT_EVERY: Final = 2
_WITHIN_S: Final = 120.0
_CUSTOMERS_PER_SECOND: Final = 2_000
"""That are projected at least."""


class Templates(NamedTuple):
    """Records of the first customers.

    Attributes:
        profiles: in the changelog, by customer.
        moves: their segment changes of the last 90 days, by customer: values and headers.
    """

    profiles: dict[bytes, bytes]
    moves: dict[bytes, list[tuple[bytes, list[tuple[str, bytes]]]]]


def history(customers: int, now_ms: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield signups and purchases of a year before `now_ms`, as records of the topic `events`, in order.

    A quarter of the customers bought in the last weeks; half of them can be reached.
    """
    events: list[tuple[int, str, str]] = []
    for number in range(customers):
        customer_id, orders = f"t-{number:05d}", 1 + number % 7
        last_day = (number * number) % (60 if number % 4 == 0 else HISTORY_DAYS - 10)
        for order in range(orders):
            at_ms = now_ms - (last_day + 1 + order * 20) * DAY_MS - number * 1000
            if at_ms > now_ms - HISTORY_DAYS * DAY_MS:
                fields = f'"order_id":"{customer_id}-{order}","amount":"{500 + number * 37 % 9000}.00","currency":"RUB"'
                events.append((at_ms, customer_id, f'"type":"purchase",{fields}'))
        consent = "true" if number % _CONSENT_EVERY else "false"
        signed_up_ms = now_ms - (HISTORY_DAYS - number % 30) * DAY_MS
        events.append((signed_up_ms, customer_id, f'"type":"signup","consent":{{"email":{consent}}}'))
    for number, (at_ms, customer_id, fields) in enumerate(sorted(events)):
        event = f'{{"event_id":"h-{number}","customer_id":"{customer_id}","occurred_at":"{format_ms(at_ms)}",'
        yield customer_id.encode(), f'{event}"backfill":true,{fields}}}'.encode()


async def publish_history(settings: Settings, customers: int) -> None:
    """Publish the history of the first customers, and wait until Redis has them all."""
    async with Publisher(settings, Topics(settings.prefix).full("events")) as publisher:
        for key, value in history(customers, int(time.time() * 1000)):
            await publisher.publish(key, value)
    await wait_until_counted(settings, customers)


async def read_templates(settings: Settings) -> Templates:
    """Return the records of the customers who are known now, the latest of each, and their moves of the last days."""
    topics, templates = Topics(settings.prefix), Templates({}, {})
    since_ms = int(time.time() * 1000) - MOVE_DAYS * DAY_MS
    async for record in _records(settings, topics.customers):
        if record.value is not None and record.key.startswith(b"t-"):
            templates.profiles[record.key] = record.value
    async for record in _records(settings, topics.segment_changes):
        if record.value is not None and parse_rfc3339(orjson.loads(record.value)["effective_at"]) >= since_ms:
            templates.moves.setdefault(record.key, []).append((record.value, list(record.headers)))
    return templates


async def publish_copies(settings: Settings, templates: Templates, copies: range, movers_every: int = 1) -> int:
    """Publish each of the first customers again under other ids; return how many moves were published.

    Args:
        settings: of the prefix.
        templates: their records.
        copies: the numbers of the copies.
        movers_every: of so many copies, one also moved as the first customers did in the last 90 days.
    """
    topics, moves = Topics(settings.prefix), 0
    async with (
        Publisher(settings, topics.customers) as profiles,
        Publisher(settings, topics.segment_changes) as changes,
    ):
        for copy in copies:
            suffix = f"-{copy}".encode()
            for customer_id, value in templates.profiles.items():
                await profiles.publish(customer_id + suffix, value)
                if copy % movers_every == 0:
                    for change, headers in templates.moves.get(customer_id, ()):
                        await changes.publish(
                            customer_id + suffix, change.replace(customer_id, customer_id + suffix), headers
                        )
                        moves += 1
    return moves


async def wait_until_counted(
    settings: Settings, customers: int, on_progress: Callable[[int], None] | None = None
) -> None:
    """Wait until the totals in Redis have at least so many customers.

    Raises:
        BenchFailed: that takes too long.
    """
    deadline_s = time.monotonic() + _WITHIN_S + customers / _CUSTOMERS_PER_SECOND
    async with reading_redis(settings) as redis:
        while (counted := await counted_customers(redis, settings.prefix)) < customers:
            if time.monotonic() > deadline_s:
                raise BenchFailed(f"Redis has {counted:,} customers of {customers:,}")
            if on_progress is not None:
                on_progress(counted)
            await asyncio.sleep(0.5)


async def counted_customers(redis: Redis, prefix: str) -> int:
    """Return how many customers the totals in Redis have."""
    reply: Awaitable[dict[bytes, bytes]] = redis.hgetall(ProjectionKeys(prefix).totals)  # type: ignore[assignment]  # redis-py's types
    totals = [decode_totals(text.decode()) for text in (await reply).values()]
    return sum(group.customers for each in totals for group in each.segments.values())


@asynccontextmanager
async def reading_redis(settings: Settings) -> AsyncIterator[Redis]:
    """Yield a client of the Redis of the settings."""
    redis = Redis.from_url(settings.redis or "")
    try:
        yield redis
    finally:
        await redis.aclose()


async def _records(settings: Settings, topic: str) -> AsyncIterator[Any]:
    for partition in range(settings.partitions):
        async for records in read_range(settings.kafka_client(), topic, partition):
            for record in records:
                yield record
