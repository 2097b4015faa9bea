"""Topics that a worker cannot use: it exits with one line that names the problem and the remedy."""

import json

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition

from tests.integration.worker import hostile_records as hostile
from tests.records.kafka_records import Published, publish, read
from tests.running.workers import RunningWorker, Site, until
from tests.servers.protected_kafka import PASSWORD, WORKER, ProtectedKafka, Right
from tests.servers.topics import make_topic


def _the_line(worker: RunningWorker, about: str) -> str:
    """Return the only line of the log with this text."""
    assert "Traceback" not in worker.log, worker.log
    lines = [line for line in worker.log.splitlines() if about in line]
    assert len(lines) == 1, worker.log
    return lines[0]


async def test_topics_with_wrong_partitions_stop_the_worker_and_all_are_named(site: Site) -> None:
    wrong = {
        "customers": (4, "delete", "must have cleanup.policy=compact: it has delete; alter it"),
        "journal": (4, "compact", "must have cleanup.policy=delete: it has compact; alter it"),
        "segment-changes": (4, "compact,delete", "must have cleanup.policy=compact: it has compact,delete; alter it"),
        "control": (2, "delete", "must have 1 partition: it has 2; delete it or use another prefix"),
        "progress": (3, "compact", "must have 4 partitions: it has 3; delete it or use another prefix"),
    }
    for topic, (partitions, policy, _) in wrong.items():
        await make_topic(site.kafka, site.topic(topic), partitions, {"cleanup.policy": policy})
    worker = site.worker()
    assert await worker.wait_for_exit() == 1
    for topic, (_, _, says) in wrong.items():
        assert says in _the_line(worker, site.topic(topic))


async def test_topics_that_may_not_be_created_stop_the_worker_and_all_are_named(
    protected_kafka: ProtectedKafka, site: Site
) -> None:
    site.settings |= {"KAFKA": protected_kafka.at("SASLOPEN"), "KAFKA_SECURITY": "sasl_plaintext"}
    site.settings |= {"KAFKA_USERNAME": WORKER, "KAFKA_PASSWORD": PASSWORD}
    own = f"{site.prefix}."
    but_create = Right("topic", own, ("Read", "Write", "DescribeConfigs"))
    await protected_kafka.allow(
        WORKER, but_create, Right("group", own, ("Read",)), Right("transactional id", own, ("Write",))
    )
    worker = site.worker()
    assert await worker.wait_for_exit() == 1
    for name in ("journal", "customers", "segment-changes", "purchases"):
        line = _the_line(worker, site.topic(name))
        assert "cannot be created" in line
        assert "let this user create topics" in line


@pytest.mark.timeout(150)
async def test_a_truncated_unread_journal_stops_the_worker(site: Site) -> None:
    site.settings |= {"TIME": "event", "PARTITIONS": "1"}
    worker = site.worker("--only", "admit")
    await worker.ready()
    await _sell(site, "one")

    async def journaled() -> bool:
        return any(record.key for record in await read(site.kafka, site.topic("journal")))

    await until(journaled, "a purchase in the journal", every_s=0.2)
    await _cut(site, "journal")
    late = site.worker("--only", "segment")
    assert await late.wait_for_exit(60) == 1
    line = _the_line(late, "retention has deleted records")
    for part in (f"{site.topic('journal')}:0", "is needed from 0 on", "backup", "GOLDSTREAM_PREFIX"):
        assert part in line
    assert await worker.stop() == 0


async def _sell(site: Site, name: str) -> None:
    purchase = json.dumps(hostile.valid("purchases", name)).encode()
    await publish(site.kafka, site.topic("purchases"), [Published(purchase)])


async def _cut(site: Site, topic: str) -> None:
    """Delete the records of a topic with one partition, as retention does."""
    end = len(await read(site.kafka, site.topic(topic)))
    admin = AIOKafkaAdminClient(bootstrap_servers=site.kafka)
    await admin.start()
    try:
        await admin.delete_records({TopicPartition(site.topic(topic), 0): RecordsToDelete(before_offset=end)})
    finally:
        await admin.close()
