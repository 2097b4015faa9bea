"""The benchmark: a broker of its own, the purchases, and then one program at a time, round after round."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from bench.broker import SOURCE, Broker, publish_purchases, settings_for
from bench.events import Scale
from bench.following import read_all
from bench.goldstream import Goldstream
from bench.measured import Measured
from bench.peer import Peers
from bench.report import JOBS
from bench.verdict import Expected
from streams.settings import Settings
from tests.servers.apache_kafka import ApacheKafka

Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All runs, in order, and how many customers the purchases turned out to have."""

    runs: list[Measured]
    customers: int


def measure(scale: Scale, rounds: int, peer_seconds: float, say: Say) -> Outcome:
    """Start a broker, measure, stop the broker; nothing of it is left.

    Raises:
        Missing: Java or Maven is not to be had.
        BenchFailed: a program did not run as it must.
    """
    with tempfile.TemporaryDirectory(prefix="goldstream-bench-") as folder:
        kafka = ApacheKafka(Path(folder) / "kafka", for_speed=True)
        say("starting Apache Kafka")
        kafka.start()
        try:
            settings = settings_for(kafka.bootstrap)
            return asyncio.run(_measure(settings, kafka.pid, Path(folder), scale, rounds, peer_seconds, say))
        finally:
            kafka.stop()


async def _measure(
    settings: Settings,
    broker_pid: int | None,
    directory: Path,
    scale: Scale,
    rounds: int,
    peer_seconds: float,
    say: Say,
) -> Outcome:
    say(f"publishing {scale.events:,} purchases")
    await publish_purchases(settings, scale)
    say("computing what they must come to")
    expected = await Expected.of(read_all(settings, SOURCE))
    runs: list[Measured] = []
    async with Broker(settings) as broker:
        goldstream = Goldstream(settings, broker, broker_pid, directory, expected)
        peers = Peers(settings, broker, broker_pid, directory, expected, peer_seconds)
        for number in range(1, rounds + 1):
            for run in _programs(goldstream, peers):
                if run is None:
                    await broker.forget_runs()
                    continue
                measured = await run()
                runs.append(measured)
                say(f"round {number} of {rounds}: {_told(measured)}")
    return Outcome(runs, expected.customers)


def _programs(goldstream: Goldstream, peers: Peers) -> Sequence[Callable[[], Awaitable[Measured]] | None]:
    """One round. None is where what was written so far is taken away.

    Goldstream's two runs are apart, with a peer after each: a stopped worker stays a member of its group for 20 s, and
    only then can the group be taken away.
    """
    return (
        None,
        goldstream.segment_alone,
        lambda: peers.faust("segment"),
        None,
        goldstream.whole_path,
        lambda: peers.faust("whole"),
        peers.bare,
    )


def _told(measured: Measured) -> str:
    what = f"{measured.program}, {JOBS[measured.job]}: {measured.rate:,.0f} events/s"
    return what if not measured.faults else f"{what}, WRONG: " + "; ".join(measured.faults)
