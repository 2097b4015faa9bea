"""A cluster that gives no producer epochs is used nevertheless, with a warning."""

import asyncio
import logging

import pytest
from aiokafka.producer.sender import Sender

from streams.kafka.writing import stage_producer as fencing
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.topics import make_topic


async def _never(_sender: Sender, _kind: object, _name: str) -> int:
    """Never find the coordinator, as where the transaction topic cannot be created."""
    await asyncio.Event().wait()
    raise AssertionError


async def test_a_cluster_without_epochs_is_written_to_after_a_warning(
    kafka: ApacheKafka, prefix: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Sender, "_find_coordinator", _never)
    monkeypatch.setattr(fencing, "FIRST_EPOCH_SECONDS", 0.2)
    monkeypatch.setattr(fencing._Epochs, "available", None)  # an earlier test may have set it
    topic = f"{prefix}.customers.v1"
    await make_topic(kafka.bootstrap, topic, 1)
    with caplog.at_level(logging.WARNING, "streams.kafka.writing.stage_producer"):
        for _ in range(2):
            async with fencing.StageProducer(bootstrap_servers=kafka.bootstrap) as producer:
                await producer.fence(f"{prefix}.segment.0", 0)
                assert (await producer.send_and_wait(topic, b"state", b"c-1")).offset >= 0
    (warning,) = [each.getMessage() for each in caplog.records if each.name == "streams.kafka.writing.stage_producer"]
    assert "transaction.state.log.replication.factor" in warning
