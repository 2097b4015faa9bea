"""An installation that an earlier version has written is continued as that version would have continued it."""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from redis.asyncio import Redis

from agents.project.base_totals import BaseTotals, decode_totals
from agents.project.projection_keys import ProjectionKeys
from tests.fault.upgrade.installation import OUTPUTS, PREFIX, Installation, RedisValue, StoredRecord, read_redis, topic
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import Site, until
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer
from tests.servers.started import started

INSTALLATIONS: Final = sorted(Path(__file__).parent.glob("installation-*.json.xz"))

ADDED_FIELDS: Final = frozenset({"counted", "reachable", "channels"})
"""Fields of a customer's hash that earlier versions do not write."""

ADDED_TO_DAYS: Final = "steps"
"""The field of a day's totals that earlier versions do not write."""

Outputs = dict[tuple[str, bytes | None], list[tuple[Any, Any]]]
"""Values and headers by topic and key, in order. Of `daily`, whose days are published from time to time, the last."""


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    """An empty Redis."""
    client: Redis = Redis.from_url(redis_server.url)
    await client.flushall()
    yield client
    await client.flushall()
    await client.aclose()


@pytest.fixture
def own_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A broker for this test alone: consumer groups have the prefix in their names, and outlive their members."""
    with started(lambda: ApacheKafka(tmp_path_factory.mktemp("kafka"))) as server:
        yield server


@pytest.fixture
def site(own_kafka: ApacheKafka, redis_server: RedisServer, tmp_path: Path) -> Iterator[Site]:
    """Where the installation runs: under its own prefix, which is in the bytes that it wrote."""
    place = Site(own_kafka.bootstrap, PREFIX, tmp_path, {"REDIS": redis_server.url})
    yield place
    place.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("path", INSTALLATIONS, ids=lambda path: path.name.partition(".")[0])
async def test_this_version_continues_what_an_earlier_one_wrote(site: Site, redis: Redis, path: Path) -> None:
    installation = Installation.read(path)
    configure(site, installation)
    await site.create_topics()
    await installation.restore_topics(site.kafka)
    await installation.restore_redis(redis)

    worker = site.worker()
    await worker.ready()
    events = [Published(value, key) for key, value in installation.next_events]
    await publish(site.kafka, topic("events"), events)
    await site.advance(installation.advance_to)

    expected_redis = as_earlier(installation.next_redis)

    async def redis_is_current() -> bool:
        return as_earlier(await read_redis(redis)) == expected_redis

    try:
        await until(redis_is_current, "Redis to show what the earlier version showed", within_s=30)
    except AssertionError:
        assert as_earlier(await read_redis(redis)) == expected_redis
    await check_totals(redis)
    assert await worker.stop() == 0
    published = await read_new_outputs(site.kafka, installation)
    expected = by_key(
        (name, record) for name, rows in installation.next_outputs.items() for part in rows for record in part
    )
    assert published.keys() == expected.keys()
    for place, records in expected.items():
        assert published[place] == records, place


def configure(site: Site, installation: Installation) -> None:
    """Give the worker the settings of the installation."""
    site.settings |= installation.settings
    for setting, text in installation.files.items():
        file = site.directory / f"{setting.lower()}.toml"
        file.write_text(text)
        site.settings[setting] = str(file)


def as_earlier(keys: Mapping[str, RedisValue]) -> dict[str, RedisValue]:
    """Return what earlier versions write too: keys of customers, segments and days, without the fields added since.

    How far `project` has read is left out: how many records a topic has depends on the batches.
    """
    kinds = tuple(f"{PREFIX}:{kind}:" for kind in ("customer", "segment"))
    found: dict[str, RedisValue] = {
        key: (
            kind,
            {name: each for name, each in value.items() if name not in ADDED_FIELDS} if kind == "hash" else value,
        )
        for key, (kind, value) in keys.items()
        if key.startswith(kinds)
    }
    for key, (kind, value) in keys.items():
        if key.startswith(f"{PREFIX}:daily:"):
            found[key] = kind, day_as_earlier(value)
        elif key.startswith(f"{PREFIX}:daily-parts:"):
            found[key] = kind, {number: day_as_earlier(part) for number, part in value.items()}
    return found


def day_as_earlier(value: bytes | str) -> dict[str, Any]:
    """Return the totals of a day that earlier versions write too."""
    day: dict[str, Any] = msgspec.json.decode(value)
    day.pop(ADDED_TO_DAYS, None)
    return day


async def check_totals(redis: Redis) -> None:
    """Check that the customers of the earlier version are in the totals and cells, which it did not write."""
    keys = ProjectionKeys(PREFIX)
    base = BaseTotals({}, {})
    client: Any = redis  # its answers are bytes
    for text in (await client.hgetall(keys.totals)).values():
        base.merge(decode_totals(text.decode()))
    for start, groups in ((keys.segment, base.segments), (keys.cell, base.cells)):
        cards = {
            key.decode().removeprefix(start): await client.zcard(key) async for key in client.scan_iter(f"{start}*")
        }
        assert {name: group.customers for name, group in groups.items()} == cards
        assert cards


async def read_new_outputs(kafka: str, installation: Installation) -> Outputs:
    """Return what was published after what the earlier version had published."""
    found: list[tuple[str, StoredRecord]] = []
    for name in OUTPUTS:
        ends = [len(partition) for partition in installation.topics[name]]
        for record in await read(kafka, topic(name)):
            if record.offset >= ends[record.partition]:
                headers = list(record.headers)
                found.append((name, StoredRecord(record.key, record.value, headers, record.timestamp)))
    return by_key(found)


def by_key(records: Iterable[tuple[str, StoredRecord]]) -> Outputs:
    """Return records by topic and key."""
    found: Outputs = defaultdict(list)
    for name, record in records:
        headers = [tuple(header) for header in record.headers]
        if name == "daily" and record.value is not None:
            found[name, record.key] = [(day_as_earlier(record.value), headers)]
        else:
            found[name, record.key].append((record.value, headers))
    return dict(found)
