"""The comparison: a broker of its own, the purchases, and then one program at a time, round after round."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from bench.broker import SOURCE, BenchFailed, Broker, publish_purchases, settings_for
from bench.comparison_report import JOBS
from bench.goldstream_runner import GoldstreamRunner
from bench.measurement import Job, Measurement
from bench.peer_runner import PEERS, Peer, PeerRunner, unavailable_peers
from bench.testbed import LogProgress, running_kafka
from bench.topic_follower import read_all
from bench.verification import ExpectedChanges
from bench.workers import Workers
from bench.workload import Workload
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

_STEP_S: Final = 600.0
_SLOWEST: Final = 200
"""Events a second, below which a step is given up whatever it waits for."""


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """What is asked of a comparison.

    Attributes:
        rounds: how often everything is run.
        peer_seconds: how long a slow program may take purchases in.
        beside: the peers that run beside Goldstream.
        workers: with how many workers Goldstream is run, one number after the other.
    """

    workload: Workload
    rounds: int
    peer_seconds: float
    peers: Collection[Peer] = PEERS
    workers: Sequence[int] = (1, 2)


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """What came out.

    Attributes:
        runs: all of them, in order.
        customers: how many customers the purchases turned out to have.
        left_out: the peers that could not be run here, and why.
        failed: runs without a result, and why.
    """

    runs: list[Measurement] = field(default_factory=list)
    customers: int = 0
    unavailable_peers: dict[Peer, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Step:
    """A program at a job; None stands for Goldstream."""

    peer: Peer | None
    job: Job
    run: Callable[[], Awaitable[Measurement]]


def measure(asked: ComparisonPlan, say: LogProgress) -> ComparisonResult:
    """Start a broker, measure, stop the broker; nothing of it is left.

    Raises:
        Missing: Java or Maven is not to be had.
        BenchFailed: Goldstream could not fill its journal, or the broker does not do what it must.
    """
    reasons = unavailable_peers(asked.peers)
    for peer, why in reasons.items():
        say(f"left out: {peer}: {why}")
    with running_kafka(say) as (kafka, directory):
        settings = settings_for(kafka.bootstrap)
        return asyncio.run(_measure(settings, kafka.pid, directory, asked, reasons, say))


async def _measure(
    settings: Settings,
    broker_pid: int | None,
    directory: Path,
    asked: ComparisonPlan,
    reasons: dict[Peer, str],
    say: LogProgress,
) -> ComparisonResult:
    say(f"publishing {asked.workload.events:,} purchases")
    await publish_purchases(settings, asked.workload)
    say("computing what they must come to")
    expected = await ExpectedChanges.compute(read_all(settings, SOURCE))
    gc.freeze()  # it stays to the end: no collection need look at its millions of objects
    outcome = ComparisonResult(customers=expected.customers, unavailable_peers=reasons)
    at_most_s = _STEP_S + asked.workload.events / _SLOWEST
    beside = [peer for peer in asked.peers if peer not in reasons]
    journal = (Topics(settings.prefix).journal, Topics(settings.prefix).control)
    async with Broker(settings) as broker:
        goldstream = GoldstreamRunner(settings, broker, broker_pid, Workers(settings, directory), expected)
        peers = PeerRunner(settings, broker, broker_pid, directory, expected, asked.peer_seconds)
        for number in range(1, asked.rounds + 1):
            await broker.delete_topics()
            await broker.delete_groups()
            say(f"round {number} of {asked.rounds}: filling the journal for the segment stage")
            await goldstream.fill_journal()
            for step in _steps(goldstream, peers, asked.workers):
                if step.peer is not None and step.peer not in beside:
                    continue
                try:
                    await broker.delete_topics(journal if step.job == "segment" else ())
                    if step.peer is None:
                        await broker.delete_groups()
                    async with asyncio.timeout(at_most_s):
                        measured = await step.run()
                except (BenchFailed, KafkaError, TimeoutError) as failed:  # the others are measured all the same
                    outcome.failed.append(
                        f"{step.peer or 'goldstream'}, {JOBS[step.job]}: {failed or 'not done in time'}"
                    )
                    say(f"round {number} of {asked.rounds}: FAILED: {failed}")
                    continue
                outcome.runs.append(measured)
                say(f"round {number} of {asked.rounds}: {_told(measured)}")
    return outcome


def _steps(goldstream: GoldstreamRunner, peers: PeerRunner, workers: Sequence[int]) -> Iterator[_Step]:
    """One round: the segment stage of all, and then the whole path of all.

    Two runs of Goldstream are apart where there are peers: a stopped worker stays a member of its group for 20 s, and
    only then can the group be taken away.
    """
    between: tuple[tuple[tuple[Peer, int], ...], ...] = (
        (("kafka-streams", 1), ("bytewax", 1)),
        (("kafka-streams", 2), ("quix", 1), ("faust", 1)),
    )
    jobs: tuple[tuple[Job, Callable[[int], Awaitable[Measurement]]], ...] = (
        ("segment", goldstream.segment_alone),
        ("whole", goldstream.whole_path),
    )
    for job, run in jobs:
        for place in range(max(len(workers), len(between))):
            if place < len(workers):
                yield _Step(None, job, partial(run, workers[place]))
            for peer, threads in between[place] if place < len(between) else ():
                yield _Step(peer, job, partial(peers.run, peer, job, threads))
    yield _Step("aiokafka", "read", peers.read_only)


def _told(measured: Measurement) -> str:
    what = f"{measured.program}, {JOBS[measured.job]}: {measured.rate:,.0f} events/s"
    return what if not measured.faults else f"{what}, WRONG: " + "; ".join(measured.faults)
