"""Compare published records and Redis with the oracle, field by field."""

import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from redis.asyncio import Redis

from streams.tables.progress import PROGRESS_KEY, decode_progress
from tests.oracle import Output, Result, moments, read_json
from tests.oracle.daily import DailyTotals
from tests.records.kafka_records import java_partition, read
from tests.running.workers import until

PUBLISHED: Final = ("segment-changes", "offers", "reactivations", "suppressions", "outcomes")

PublishedOutputs = dict[tuple[str, str], list[Output]]
"""What each topic says of each customer, in order."""


async def assert_published(kafka: str, prefix: str, result: Result, partitions: int, *, repeats: bool = False) -> int:
    """Compare every published record with the oracle's; with `repeats`, records may be published again unchanged.

    Returns:
        The number of repeats.
    """
    published: PublishedOutputs = {}
    again = 0
    for topic in PUBLISHED:
        records = await read(kafka, f"{prefix}.{topic}.v1")
        again += _gather(topic, records, partitions, published)
    assert repeats or not again, f"{again} records were published again"
    expected = _expected(result)
    for place in sorted(expected.keys() | published.keys()):
        _assert_same(place, published.get(place, []), expected.get(place, []))
    return again


def _gather(topic: str, records: Sequence[Any], partitions: int, published: PublishedOutputs) -> int:
    """Collect records by topic and key, each once; return how many were repeats.

    A `ce_id` has one content, except for tombstones: a customer who is erased again without a change in between has the
    same id, with another time.
    """
    seen: dict[tuple[str, str], Any] = {}
    again = 0
    for record in records:
        headers = {name: value.decode() for name, value in record.headers}
        assert len(headers) == len(record.headers), f"{topic}: a header is there twice: {record.headers}"
        when = headers["ce_time"] if record.value is None else ""
        first = seen.setdefault((headers["ce_id"], when), record)
        if first is not record:
            same = (first.key, first.value, first.headers, first.partition)
            assert same == (record.key, record.value, record.headers, record.partition), f"not what it was: {record}"
            again += 1
            continue
        key = record.key.decode()
        assert record.partition == java_partition(record.key, partitions), f"{topic}: {key} is in {record.partition}"
        value = None if record.value is None else read_json(record.value)
        published.setdefault((topic, key), []).append(Output(topic, key, value, headers))
    return again


def _expected(result: Result) -> PublishedOutputs:
    published: PublishedOutputs = defaultdict(list)
    for output in result.outputs:
        published[output.topic, output.key].append(output)
    return published


def _assert_same(place: tuple[str, str], published: Sequence[Output], expected: Sequence[Output]) -> None:
    topic, customer = place
    for number, (is_, should) in enumerate(zip(published, expected, strict=False)):
        assert is_ == should, f"{topic} of {customer}, number {number}:\n  is     {is_}\n  should {should}"
    assert len(published) == len(expected), (
        f"{topic} of {customer}: {len(published)} records, should be {len(expected)}; first extra or missing: "
        f"{(published if len(published) > len(expected) else expected)[min(len(published), len(expected))]}"
    )


async def assert_daily(kafka: str, prefix: str, result: Result, ends_at: str) -> None:
    """Compare the published totals of each day, summed over the partitions, with the oracle's."""
    published: dict[str, Any] = {}
    for record in await read(kafka, f"{prefix}.daily.v1"):
        day, partition = record.key.decode().split(":")
        assert partition == str(record.partition)
        published[record.key.decode()] = read_json(record.value)
        assert published[record.key.decode()]["day"] == day
    days: dict[date, Any] = {}
    for key, value in published.items():
        day = date.fromisoformat(key.split(":")[0])
        days[day] = _added(days.get(day, {}), value)
    calendar = DailyTotals(result.daily_notes, result.outputs, moments.parse(ends_at))
    for day in sorted(days.keys() | set(calendar.changed_days) | {calendar.last_day}):
        is_, should = days.get(day, {}), _added(calendar.totals_of_day(day), {})
        assert is_ == should, f"{day}:\n  is     {is_}\n  should {should}"


def _added(one: Any, other: Any) -> Any:
    """Return the sum of two parts of a day, field by field; labels are equal in both, and zeros are left out."""
    if isinstance(one, dict) or isinstance(other, dict):
        parts = {
            name: _added((one or {}).get(name), (other or {}).get(name)) for name in {*(one or {}), *(other or {})}
        }
        return {name: part for name, part in parts.items() if part}
    try:
        return Decimal(one or 0) + Decimal(other or 0)
    except InvalidOperation:  # a label
        return one or other


async def assert_redis(url: str, prefix: str, result: Result, ends_at: str) -> None:
    """Compare hashes and sorted sets with the oracle's facts; no customer is missing or superfluous."""
    shown, ends_at_ms = await redis_contents(url, prefix), moments.parse(ends_at)
    customers = {key.removeprefix(f"{prefix}:customer:"): value for key, value in shown.items() if ":customer:" in key}
    assert customers.keys() == result.customers.keys(), (
        f"missing {result.customers.keys() - customers.keys()}, too many {customers.keys() - result.customers.keys()}"
    )
    scores: dict[str, dict[str, float]] = defaultdict(dict)
    for customer_id, facts in result.customers.items():
        should = {name: value or "" for name, value in facts.redis_fields().items() if name != "as_of"}
        is_ = {name: customers[customer_id].get(name) for name in should}
        assert is_ == should, f"the hash of {customer_id}:\n  is     {is_}\n  should {should}"
        as_of = moments.parse(customers[customer_id]["as_of"])  # the last evaluation, even if it changed nothing
        assert facts.since <= as_of <= ends_at_ms, f"the hash of {customer_id} is as of {as_of}"
        scores[facts.segment][customer_id] = float(facts.monetary)
    segments = {key.removeprefix(f"{prefix}:segment:"): value for key, value in shown.items() if ":segment:" in key}
    assert segments == scores


async def redis_shows_all(kafka: str, url: str, prefix: str) -> None:
    """Wait until `project` has read the whole changelog."""
    ends: dict[int, int] = {}
    for record in await read(kafka, f"{prefix}.customers.v1"):
        ends[record.partition] = max(ends.get(record.partition, 0), record.offset + 1)
    assert ends

    async def shown() -> bool:
        async with Redis.from_url(url) as redis:
            at = {partition: int(await redis.get(f"{prefix}:project-customers:{partition}") or 0) for partition in ends}
        return all(at[partition] >= end for partition, end in ends.items())

    await until(shown, f"Redis to be shown the changelog up to {ends}")


async def time_comes(kafka: str, prefix: str, at_ms: int, partitions: int) -> None:
    """Wait until every lane has applied a moment and its outputs are durable."""

    async def come() -> bool:
        times: dict[int, int] = {}
        for record in await read(kafka, f"{prefix}.progress.v1"):
            if record.key == PROGRESS_KEY:
                times[record.partition] = decode_progress(record.value).watermark
        return len(times) == partitions and min(times.values()) >= at_ms

    await until(come, f"time to come to {moments.text(at_ms)}", every_s=0.2)


async def redis_contents(url: str, prefix: str) -> dict[str, Any]:
    """Return every customer, the sorted sets of segments and cells, and the totals of a prefix, without offsets."""
    contents: dict[str, Any] = {}
    async with Redis.from_url(url, decode_responses=True) as redis:
        keys = [key async for key in redis.scan_iter(f"{prefix}:*", count=1000)]
        async with redis.pipeline(transaction=False) as pipe:
            for key in keys:
                if key.startswith(f"{prefix}:customer:") or key == f"{prefix}:totals":
                    pipe.hgetall(key)
                elif key.startswith((f"{prefix}:segment:", f"{prefix}:cell:")):
                    pipe.zrange(key, 0, -1, withscores=True)
                else:
                    pipe.exists(key)
            answers = await pipe.execute()
    for key, answer in zip(keys, answers, strict=True):
        if key == f"{prefix}:totals":
            contents[key] = {partition: re.sub(r'"end":\d+', '"end":-1', text) for partition, text in answer.items()}
        elif isinstance(answer, dict):
            contents[key] = answer
        elif isinstance(answer, list):
            contents[key] = {member: score for member, score in answer}  # noqa: C416 - redis gives lists, not pairs
    return contents
