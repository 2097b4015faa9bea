"""Where workers run, for the tests that start them."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.running import Site
from tests.servers.apache_kafka import ApacheKafka


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
