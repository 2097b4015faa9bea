"""The environment of a scenario: its workers, its publishers, and their alerts in Prometheus."""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.fault.alerts.prometheus import Prometheus
from tests.oracle import moments
from tests.running.workers import RunningWorker, Site, until
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer

SECONDS: Final = """\
name = "seconds"
version = 1
currency = "RUB"
window_days = 1
[recency_days]
edges = [0.0003, 0.0006]
[frequency]
edges = [2, 5]
[monetary]
edges = [5000, 20000]
[[segment]]
name = "here"
when = { r = [3] }
[[segment]]
name = "leaving"
when = { r = [2] }
[[segment]]
name = "gone"
when = { r = [1] }
"""
"""A policy by which customers without an order become `leaving` after 26 s and `gone` after 52 s."""


@dataclass
class Scene:
    """The environment of one scenario.

    Attributes:
        job: the Prometheus job of its workers.
        ports: the HTTP ports of the workers.
        kafka: the broker that all share; `own_kafka` and `redis` are its own.
    """

    job: str
    ports: list[int]
    kafka: ApacheKafka
    directory: Path
    prometheus: Prometheus
    speed: float
    redis: RedisServer | None = None
    own_kafka: ApacheKafka | None = None
    site: Site = field(init=False)

    def __post_init__(self) -> None:
        """Create its folder and its prefix."""
        self.directory.mkdir(parents=True)
        broker = self.own_kafka or self.kafka
        self.site = Site(broker.bootstrap, f"a{self.job}", self.directory, {"PARTITIONS": "2"})

    async def worker(
        self, *arguments: str, at: int = 0, delays: dict[str, float] | None = None, **more: str
    ) -> RunningWorker:
        """Start a worker on one of the ports, which Prometheus scrapes; `delays` as in `delayed_worker`."""
        place = replace(self.site, settings=self.site.settings | {"HTTP": f"127.0.0.1:{self.ports[at]}"} | more)
        if delays is None:
            started = place.worker(*arguments)
        else:
            started = place.worker(*arguments, program=("-m", "tests.fault.alerts.delayed_worker", json.dumps(delays)))
        await until(lambda: self._is_up(self.ports[at]), f"{self.job} to be scraped", within_s=120, every_s=1)
        return started

    async def _is_up(self, port: int) -> bool:
        return await self.prometheus.value(f'up{{job="{self.job}", instance="127.0.0.1:{port}"}}') == 1

    async def fires(self, *alerts: str) -> float:
        """Wait until these alerts fire; return the seconds until the last of them."""
        return await self._come(lambda firing: set(alerts) <= firing, f"{', '.join(alerts)} to fire")

    async def ends(self, *alerts: str) -> float:
        """Wait until none of these alerts fires."""
        return await self._come(lambda firing: not set(alerts) & firing, f"{', '.join(alerts)} to end")

    async def _come(self, wanted: Callable[[set[str]], bool], what: str) -> float:
        began = time.monotonic()

        async def come() -> bool:
            return wanted(await self.prometheus.firing(self.job))

        await until(come, f"{what} in {self.job}", within_s=max(180.0, 2400 / self.speed), every_s=1)
        return time.monotonic() - began

    @contextlib.asynccontextmanager
    async def publishing(self, topic: str, value: Callable[[int], bytes], a_second: float) -> AsyncIterator[None]:
        """Publish one record after the other for as long as the context is open."""

        async def publish() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self.site.kafka)
            await producer.start()
            try:
                number = 0
                while True:
                    await producer.send(self.site.topic(topic), value(number))
                    number += 1
                    await asyncio.sleep(1 / a_second)
            finally:
                await producer.stop()

        task = asyncio.create_task(publish())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def largest_record(self, topic: str, size: int) -> None:
        """Make the broker refuse larger records of a topic."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self.site.kafka)
        await admin.start()
        try:
            limit = {"max.message.bytes": str(size)}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, self.site.topic(topic), limit)])
        finally:
            await admin.close()

    @contextlib.contextmanager
    def frozen(self, worker: RunningWorker) -> Iterator[None]:
        """Stop a worker's process (SIGSTOP), and continue it afterwards."""
        worker.child.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            worker.child.signal(signal.SIGCONT)


def purchase(number: int, **fields: Any) -> bytes:
    """Return a purchase of a new customer, now."""
    event = {
        "event_id": f"e{number}",
        "customer_id": f"c{number}",
        "order_id": f"o{number}",
        "occurred_at": moments.text(int(time.time() * 1000)),
        "amount": "100",
        "currency": "RUB",
    }
    return json.dumps(event | fields).encode()
