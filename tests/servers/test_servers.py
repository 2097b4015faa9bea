"""The servers of the tests are real, and can be stopped and restarted.

That Apache Kafka keeps port and data over a stop is tested in tests/integration/worker/test_life.py, over
a kill in tests/fault/test_broker.py.
"""

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest
import redis
from aiokafka import AIOKafkaProducer
from aiokafka.errors import UnknownTopicOrPartitionError

from agents.demo.embedded.loopback import kafka_answers, redis_answers
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer

REPOSITORY: Final = Path(__file__).parents[2]


async def test_a_frozen_apache_kafka_answers_after_it_thaws(kafka: ApacheKafka) -> None:
    with kafka.frozen():
        assert not await kafka_answers(kafka.port)
    assert await kafka_answers(kafka.port)


async def test_apache_kafka_creates_no_topic_by_itself(kafka: ApacheKafka, prefix: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, request_timeout_ms=2_000) as producer:
        with pytest.raises(UnknownTopicOrPartitionError):
            await producer.send_and_wait(prefix, b"nobody asked for it")


async def test_redis_restarts_empty_on_its_port(redis_server: RedisServer, prefix: str) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        client.set(prefix, "1")

    await asyncio.to_thread(redis_server.stop)
    assert not await redis_answers(redis_server.port)
    await asyncio.to_thread(redis_server.start)

    with redis.Redis.from_url(redis_server.url) as client:
        assert client.get(prefix) is None
        client.set(prefix, "2")
        redis_server.flush()
        assert client.dbsize() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent died")
def test_a_child_dies_with_a_killed_parent(tmp_path: Path) -> None:
    parent_says = """
import pathlib, sys, time
from agents.demo.embedded.child_process import Child
child = Child(["sleep", "600"], log=pathlib.Path(sys.argv[1]))
child.start()
print(child.pid, flush=True)
time.sleep(600)
"""
    with subprocess.Popen(
        [sys.executable, "-c", parent_says, str(tmp_path / "log.txt")], stdout=subprocess.PIPE, cwd=REPOSITORY
    ) as parent:
        assert parent.stdout is not None
        child_pid = int(parent.stdout.readline())
        assert Path(f"/proc/{child_pid}").exists()
        parent.kill()
    deadline_s = time.monotonic() + 5
    while _lives(child_pid) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert not _lives(child_pid)


def _lives(pid: int) -> bool:
    """Return whether the process is alive, not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
