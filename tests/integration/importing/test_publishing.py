"""What commands publish is in Kafka once, in order, in the partition that a Java client would choose."""

import asyncio
import json
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from agents.cli import main
from agents.demo.embedded.broker import Embedded
from streams.defaults import policy_text
from streams.kafka.control import read_control
from streams.kafka.topics import create_topics
from streams.kafka.writing.publisher import Publisher
from streams.settings.settings import Settings, load_settings

if TYPE_CHECKING:
    from tests.servers.apache_kafka import ApacheKafka

PARTITIONS = 3


@pytest.fixture(params=["kafka", "embedded"])
def settings(request: pytest.FixtureRequest, prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Settings:
    """The settings for each of the two brokers, in the environment of commands."""
    broker: ApacheKafka | Embedded = request.getfixturevalue(request.param)
    monkeypatch.setenv("GOLDSTREAM_KAFKA", broker.kafka if isinstance(broker, Embedded) else broker.bootstrap)
    monkeypatch.setenv("GOLDSTREAM_PREFIX", prefix)
    monkeypatch.setenv("GOLDSTREAM_PARTITIONS", str(PARTITIONS))
    monkeypatch.chdir(tmp_path)
    return load_settings()


def records_in(settings: Settings, topic: str) -> dict[int, list[ConsumerRecord]]:
    """Return all records of a topic, by partition."""

    async def read() -> dict[int, list[ConsumerRecord]]:
        consumer = AIOKafkaConsumer(**settings.kafka_client(), enable_auto_commit=False, auto_offset_reset="earliest")
        await consumer.start()
        try:
            partitions = [TopicPartition(f"{settings.prefix}.{topic}.v1", number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning(*partitions)
            found: dict[int, list[ConsumerRecord]] = defaultdict(list)
            while any([await consumer.position(partition) < ends[partition] for partition in partitions]):
                for partition, records in (await consumer.getmany(timeout_ms=500)).items():
                    found[partition.partition].extend(records)
            return found
        finally:
            await consumer.stop()

    return asyncio.run(read())


def test_an_import_is_in_events_in_order_and_by_customer(settings: Settings) -> None:
    lines = [f"c{n % 17},2025-05-{28 - n % 28:02}T10:{n % 60:02}:00Z,{n}.50,o{n}" for n in range(500)]
    Path("a.csv").write_text("\n".join(["customer,date,amount,order", *lines, ",2025-05-01T00:00:00Z,7,o500"]))
    assert main(["import", "a.csv", "--backfill"]) == 0
    found = records_in(settings, "events")
    assert sum(map(len, found.values())) == 501
    for partition, records in found.items():
        events = [json.loads(record.value) for record in records]
        assert [event["occurred_at"] for event in events] == sorted(event["occurred_at"] for event in events)
        assert all(event["backfill"] for event in events)
        for record, event in zip(records, events, strict=True):
            assert (record.key or b"").decode() == event.get("customer_id", "")
            if record.key:
                everywhere = list(range(PARTITIONS))
                assert DefaultPartitioner()(record.key, everywhere, everywhere) == partition
    assert main(["import", "a.csv", "--backfill"]) == 0
    again = records_in(settings, "events")
    assert sum(map(len, again.values())) == 501


def test_events_can_be_published_in_the_order_of_the_file_and_as_present_ones(settings: Settings) -> None:
    lines = [f"c1,2025-05-{28 - n:02}T10:00:00Z,5.00,o{n}" for n in range(20)]
    Path("a.csv").write_text("\n".join(["customer,date,amount,order", *lines]))
    assert main(["import", "a.csv", "--no-sort", "--live"]) == 0
    ((_, records),) = records_in(settings, "events").items()
    events = [json.loads(record.value) for record in records]
    assert [event["order_id"] for event in events] == [f"o{n}" for n in range(20)]
    assert not any(event.get("backfill") for event in events)


def test_strict_publishes_nothing_when_a_row_cannot_be_read(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = "".join(f"c1,2025-05-12T10:00:00Z,{amount},o{amount}\n" for amount in ("5", "7", "x"))
    Path("a.csv").write_text("customer,date,amount,order\n" + rows)
    assert main(["topics", "create"]) == 0
    assert main(["import", "a.csv", "--strict", "--field", "amount=amount"]) == 1
    assert "nothing published, because of --strict" in capsys.readouterr().err
    assert not records_in(settings, "events")


def test_an_import_is_checked_by_the_active_policy(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    Path("euro.toml").write_text(policy_text().replace('"RUB"', '"EUR"'))
    Path("a.csv").write_text("customer,date,amount,order\nc1,2025-05-12T10:00:00Z,5,o1\n")
    assert main(["topics", "create"]) == 0
    assert main(["policy", "apply", "euro.toml", "--yes"]) == 0
    assert main(["import", "a.csv", "--topic", "purchases"]) == 0
    (event,) = [
        json.loads(record.value) for records in records_in(settings, "purchases").values() for record in records
    ]
    assert event["currency"] == "EUR"
    Path("b.csv").write_text("customer,date,amount,order,currency\nc1,2025-05-12T10:00:00Z,5,o2,RUB\n")
    assert main(["import", "b.csv", "--topic", "purchases"]) == 1
    assert "RUB" in capsys.readouterr().err
    assert sum(map(len, records_in(settings, "purchases").values())) == 1


def test_a_simulated_shop_is_in_events_completely(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--customers", "200", "--out", "a.jsonl"]) == 0
    assert main(["simulate", "--customers", "200"]) == 0
    assert f"to {settings.prefix}.events.v1" in capsys.readouterr().out
    found = [record.value for records in records_in(settings, "events").values() for record in records]
    assert sorted(found) == sorted(Path("a.jsonl").read_bytes().splitlines())


def test_a_policy_is_applied_once_and_an_invalid_successor_is_refused(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("policy.toml").write_text(policy_text())
    assert main(["policy", "apply", "policy.toml", "--yes"]) == 1
    assert "does not exist; run `goldstream topics create`" in capsys.readouterr().err
    assert main(["topics", "check"]) == 1
    assert main(["topics", "create"]) == 0
    assert main(["topics", "check"]) == 0
    assert main(["policy", "apply", "policy.toml", "--yes"]) == 0
    assert main(["policy", "apply", "policy.toml", "--yes"]) == 0
    assert "already active" in capsys.readouterr().out
    Path("policy.toml").write_text(policy_text().replace("[60, 180]", "[61, 180]"))
    assert main(["policy", "apply", "policy.toml", "--yes"]) == 1
    assert "raise version to 2" in capsys.readouterr().err
    (record,) = asyncio.run(read_control(settings))
    assert (record.kind, record.text, record.offset) == ("policy", policy_text(), 0)


def test_a_record_that_the_broker_refuses_is_an_error(settings: Settings) -> None:
    async def publish_too_much() -> None:
        await create_topics(settings)
        async with Publisher(settings, f"{settings.prefix}.events.v1") as publisher:
            await publisher.publish(b"c1", b"x" * 2_000_000)

    with pytest.raises(KafkaError):
        asyncio.run(publish_too_much())
