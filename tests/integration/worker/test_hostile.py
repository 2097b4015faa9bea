"""Hostile records on every source, between valid ones: each has one outcome, and the stream continues."""

import json
import random
from collections import Counter
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer

from state.records.events import PolicyApplied, Tick, decode_record
from tests.integration.worker import hostile_records as hostile
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import Samples, Site
from tests.servers.topics import make_topic

SOURCE_PARTITIONS = 2
REASONS = {"oversize", "malformed", "invalid", "amount", "currency"}

Place = tuple[str, int, int]


class Sent(NamedTuple):
    """A record with its position and expected outcome: `admitted`, a reason, or None if either is possible."""

    place: Place
    record: Published
    outcome: str | None


@pytest.mark.timeout(240)
async def test_hostile_records_are_rejected_unchanged_and_valid_ones_applied(site: Site, seed: int) -> None:
    rng = random.Random(seed)
    site.settings["TIME"] = "event"
    sent: list[Sent] = []
    for source in hostile.SOURCES:
        await make_topic(site.kafka, site.topic(source), SOURCE_PARTITIONS)
        sent += await _publish(site, source, rng)
    worker = site.worker()
    await worker.ready()
    await site.advance("2025-06-01T00:00:00Z")

    rejected = {_source(record): record for record in await read(site.kafka, site.topic("rejected"))}
    journaled = await _journaled(site)
    places = Counter([*rejected, *journaled])
    assert places == Counter(each.place for each in sent), "every record has one outcome"
    for each in sent:
        if each.place in rejected:
            _assert_rejected(rejected[each.place], each)
        else:
            assert each.outcome in {"admitted", None}, f"admitted: {each}"[:600]
    samples = await worker.metrics()
    _assert_counted(samples, site, sent, rejected)
    assert samples.total("goldstream_stage_restarts_total") == 0, worker.log

    changed = {record.key.decode() for record in await read(site.kafka, site.topic("segment-changes"))}
    good = [each for each in sent if each.outcome == "admitted"]
    assert {f"c-{name}" for name in _names(good) if not name.startswith(("contacts", "events"))} <= changed
    assert await worker.stop() == 0


@pytest.mark.timeout(180)
async def test_transactional_publishers_stall_neither_the_watermark_nor_advance(site: Site) -> None:
    """Transaction markers and aborted records take offsets that readers never see as records."""
    site.settings["TIME"] = "event"
    topic = site.topic("purchases")
    await make_topic(site.kafka, topic)
    async with AIOKafkaProducer(bootstrap_servers=site.kafka, transactional_id=site.prefix) as producer:
        async with producer.transaction():
            await producer.send(topic, json.dumps(hostile.valid("purchases", "kept")).encode())
        await producer.begin_transaction()
        await producer.send(topic, json.dumps(hostile.valid("purchases", "given-up")).encode())
        await producer.abort_transaction()
    worker = site.worker()
    await worker.ready()
    await site.advance("2025-06-01T00:00:00Z", within_s=40)
    assert {record.key for record in await read(site.kafka, site.topic("segment-changes"))} >= {b"c-kept"}


@pytest.mark.timeout(180)
async def test_a_customer_with_very_many_refunds_stops_no_lane(site: Site, seed: int) -> None:
    """All remembered refunds together would not fit into one changelog record."""
    rng = random.Random(seed)
    site.settings["TIME"] = "event"
    await make_topic(site.kafka, site.topic("refunds"))
    await make_topic(site.kafka, site.topic("purchases"))
    many = [
        hostile.valid(
            "refunds", "many", event_id=f"e{n}", refund_id="".join(rng.choices(hostile.LETTERS, k=128)), amount=1
        )
        for n in range(6000)
    ]
    await publish(site.kafka, site.topic("refunds"), [Published(json.dumps(event).encode()) for event in many])
    after = json.dumps(hostile.valid("purchases", "after")).encode()
    await publish(site.kafka, site.topic("purchases"), [Published(after)])
    worker = site.worker()
    await worker.ready()
    await site.advance("2025-06-01T00:00:00Z", within_s=60)
    assert {record.key for record in await read(site.kafka, site.topic("segment-changes"))} == {b"c-many", b"c-after"}


async def _publish(site: Site, source: str, rng: random.Random) -> list[Sent]:
    """Publish valid, invalid and mutated records of a source, shuffled, with every compression."""
    mixed: list[tuple[Published, str | None]] = [(hostile.good(source, n, rng), "admitted") for n in range(60)]
    mixed += hostile.bad(source, rng)
    mixed += [(hostile.odd(source, rng), None) for _ in range(60)]
    rng.shuffle(mixed)
    sent = []
    topic = site.topic(source)
    parts = (None, *hostile.COMPRESSIONS)
    for number, compression in enumerate(parts):
        part = mixed[number :: len(parts)]
        if compression is not None and source in ("purchases", "events"):
            large: list[tuple[Published, str | None]] = [(each, "oversize") for each in hostile.large(compression, rng)]
            part = part[:5] + large + part[5:]
        placed = [record._replace(partition=rng.randrange(SOURCE_PARTITIONS)) for record, _ in part]
        places = await publish(site.kafka, topic, placed, compression)
        for (partition, offset), record, (_, outcome) in zip(places, placed, part, strict=True):
            sent.append(Sent((topic, partition, offset), record, outcome))
    return sent


async def _journaled(site: Site) -> list[Place]:
    """Return the sources of the events in the journal."""
    events = [decode_record(record.value) for record in await read(site.kafka, site.topic("journal"))]
    return [
        (site.topic(event.topic), event.partition, event.offset)
        for event in events
        if not isinstance(event, Tick | PolicyApplied) and event.topic != "control"
    ]


def _source(record: Any) -> Place:
    """Return the source in the last header of a rejected record."""
    name, value = record.headers[-1]
    assert name == "goldstream-source"
    topic, partition, offset = value.decode().rsplit(":", 2)
    return topic, int(partition), int(offset)


def _assert_rejected(record: Any, sent: Sent) -> None:
    """Check that it is there byte for byte, with its headers and three more."""
    assert record.value == sent.record.value, sent.place
    assert record.key == sent.record.key
    assert record.headers[:-3] == sent.record.headers
    (reason_name, reason), (detail_name, detail), _ = record.headers[-3:]
    assert (reason_name, detail_name) == ("goldstream-reason", "goldstream-detail")
    assert reason.decode() in REASONS
    assert 0 < len(detail) <= 1000
    assert sent.outcome in {reason.decode(), None}, f"{reason} ({detail}), should be {sent.outcome}: {sent}"[:600]


def _assert_counted(samples: Samples, site: Site, sent: list[Sent], rejected: dict[Place, Any]) -> None:
    """Check that the counters equal the numbers of records in the topics."""
    of_topic = Counter(each.place[0] for each in sent)
    refused = Counter(place[0] for place in rejected)
    for source in hostile.SOURCES:
        topic = site.topic(source)
        assert samples.total("goldstream_records_total", topic=topic) == of_topic[topic]
        assert samples.total("goldstream_records_total", topic=topic, outcome="rejected") == refused[topic]
    reasons = Counter((record.headers[-3][1].decode(),) for record in rejected.values())
    assert samples.by("goldstream_rejected_total", "reason") == reasons


def _names(good: list[Sent]) -> list[str]:
    values = [each.record.value or b"" for each in good]
    return [value.split(b'"event_id": "e-', 1)[1].split(b'"', 1)[0].decode() for value in values]
