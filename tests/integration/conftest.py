"""Where workers run, for the tests that start them."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.workers import Site
from tests.servers import Missing
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.certificates import Authority
from tests.servers.protected_kafka import ProtectedKafka


@pytest.fixture
def site(kafka: ApacheKafka, prefix: str, tmp_path: Path) -> Iterator[Site]:
    """A prefix of its own on Apache Kafka; the workers started there end with the test."""
    place = Site(kafka.bootstrap, prefix, tmp_path, {})
    try:
        yield place
    finally:
        place.close()


@pytest.fixture
def seed() -> int:
    """What histories are drawn from: another one each time but in CI; printed, and `TEST_SEED=n` repeats it."""
    # in CI always the same: what is red there is red because of a change
    chosen = int(os.environ.get("TEST_SEED") or (1 if os.environ.get("CI") else secrets.randbelow(2**32)))
    print(f"TEST_SEED={chosen}")
    return chosen


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who vouches for the servers that are protected, and for their clients."""
    try:
        return Authority(tmp_path_factory.mktemp("authority"))
    except Missing as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def protected_kafka(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProtectedKafka]:
    """An Apache Kafka with TLS and SASL, for the whole run."""
    server = ProtectedKafka(tmp_path_factory.mktemp("protected"), authority)
    try:
        server.start()
    except Missing as missing:
        pytest.skip(str(missing))
    try:
        yield server
    finally:
        server.stop()
