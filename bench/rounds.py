"""The benchmark: a broker of its own, the purchases, and then one program at a time, round after round."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from bench.broker import SOURCE, Broker, publish_purchases, settings_for
from bench.events import Scale
from bench.following import read_all
from bench.goldstream import Goldstream
from bench.measured import Measured
from bench.peer import Peers
from bench.verdict import Expected
from streams.settings import Settings
from tests.servers.apache_kafka import ApacheKafka

Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All runs, in order, and how many customers the purchases turned out to have."""

    runs: list[Measured]
    customers: int


async def measure(scale: Scale, rounds: int, peer_seconds: float, say: Say) -> Outcome:
    """Run everything.

    Raises:
        Missing: Java or Maven is not to be had.
        BenchFailed: a program did not run as it must.
    """
    with tempfile.TemporaryDirectory(prefix="goldstream-bench-") as folder:
        directory = Path(folder)
        say("starting Apache Kafka")
        kafka = ApacheKafka(directory / "kafka", for_speed=True)
        kafka.start()
