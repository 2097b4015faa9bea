"""Fixtures for tests that start workers and servers."""

import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.running.http_servers import RunningServer, start_server
from tests.running.workers import Site
from tests.servers import Missing
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.certificates import Authority
from tests.servers.protected_kafka import ProtectedKafka
from tests.servers.started import started


@pytest.fixture
def site(kafka: ApacheKafka, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A site on Apache Kafka with its own prefix; its workers stop with the test."""
    place = Site(kafka.bootstrap, prefix, tmp_path, {})
    try:
        yield place
    finally:
        place.close()


@pytest.fixture
async def http_server(site: Site) -> AsyncIterator[Callable[..., Awaitable[RunningServer]]]:
    """Start servers of the site: takes arguments and settings, returns one that is connected; all stop in the end."""
    started: list[RunningServer] = []

    async def start(*arguments: str, **options: Any) -> RunningServer:
        server = start_server(site, f"server-{len(started)}", *arguments, **options)
        started.append(server)
        await server.connected()
        return server

    try:
        yield start
    finally:
        for server in started:
            server.child.kill()


@pytest.fixture
def seed() -> int:
    """The seed of drawn histories: another one each time except in CI; printed, and `TEST_SEED=n` repeats it."""
    # in CI always the same: a failure there is caused by a change
    chosen = int(os.environ.get("TEST_SEED") or (1 if os.environ.get("CI") else secrets.randbelow(2**32)))
    print(f"TEST_SEED={chosen}")
    return chosen


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificate authority of the protected servers and their clients."""
    try:
        return Authority(tmp_path_factory.mktemp("authority"))
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def protected_kafka(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtectedKafka]:
    """An Apache Kafka with TLS and SASL, for the whole run."""
    with started(lambda: ProtectedKafka(tmp_path_factory.mktemp("protected"), authority)) as server:
        yield server
