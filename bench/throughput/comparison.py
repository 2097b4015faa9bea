"""Run the comparison: start a broker, publish the purchases, then measure one program at a time, round by round."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from aiokafka.errors import KafkaError

from bench.measurement import Job, Measurement
from bench.testbed.broker import SOURCE, BenchFailed, Broker, publish_purchases, settings_for
from bench.testbed.peer_runner import PEERS, Peer, PeerRunner, unavailable_peers
from bench.testbed.testbed import LogProgress, running_kafka
from bench.testbed.topic_follower import read_all
from bench.testbed.workers import Workers
from bench.throughput.comparison_report import JOBS
from bench.throughput.goldstream_runner import GoldstreamRunner
from bench.throughput.verification import ExpectedChanges
from bench.workload import Workload
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

_STEP_TIMEOUT_S: Final = 600.0
_MIN_RATE: Final = 200
"""Events per second below which a step is aborted, whatever it waits for."""


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """What to compare.

    Attributes:
        rounds: how often every program runs.
        peer_seconds: how long a slow program may accept purchases.
        peers: the programs to compare Goldstream with.
        workers: the numbers of workers with which Goldstream runs.
    """

    workload: Workload
    rounds: int
    peer_seconds: float
    peers: Collection[Peer] = PEERS
    workers: Sequence[int] = (1, 2)


@dataclass(frozen=True, slots=True)
class ComparisonResult:
    """The result of a comparison.

    Attributes:
        runs: all measurements, in order.
        customers: number of customers with purchases.
        unavailable_peers: the peers that cannot run here, and why.
        failed: runs without a result, and why.
    """

    runs: list[Measurement] = field(default_factory=list)
    customers: int = 0
    unavailable_peers: dict[Peer, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Step:
    """A program at a job; the peer is None for Goldstream."""

    peer: Peer | None
    job: Job
    run: Callable[[], Awaitable[Measurement]]


def measure(plan: ComparisonPlan, log: LogProgress) -> ComparisonResult:
    """Start a broker, measure, and stop the broker; nothing of it remains.

    Raises:
        Missing: Java or Maven is not available.
        BenchFailed: Goldstream could not fill its journal, or the broker failed.
    """
    unavailable = unavailable_peers(plan.peers)
    for peer, reason in unavailable.items():
        log(f"left out: {peer}: {reason}")
    with running_kafka(log) as (kafka, directory):
        settings = settings_for(kafka.bootstrap)
        return asyncio.run(_measure(settings, kafka.pid, directory, plan, unavailable, log))


async def _measure(
    settings: Settings,
    broker_pid: int | None,
    directory: Path,
    plan: ComparisonPlan,
    unavailable: dict[Peer, str],
    log: LogProgress,
) -> ComparisonResult:
    log(f"publishing {plan.workload.events:,} purchases")
    await publish_purchases(settings, plan.workload)
    log("computing the expected changes")
    expected = await ExpectedChanges.compute(read_all(settings, SOURCE))
    gc.freeze()  # its millions of objects stay to the end; the garbage collector need not visit them
    result = ComparisonResult(customers=expected.customers, unavailable_peers=unavailable)
    timeout_s = _STEP_TIMEOUT_S + plan.workload.events / _MIN_RATE
    available = [peer for peer in plan.peers if peer not in unavailable]
    journal = (Topics(settings.prefix).journal, Topics(settings.prefix).control)
    async with Broker(settings) as broker:
        goldstream = GoldstreamRunner(settings, broker, broker_pid, Workers(settings, directory), expected)
        peers = PeerRunner(settings, broker, broker_pid, directory, expected, plan.peer_seconds)
        for number in range(1, plan.rounds + 1):
            await broker.delete_topics()
            await broker.delete_groups()
            log(f"round {number} of {plan.rounds}: filling the journal for the segment stage")
            await goldstream.fill_journal()
            for step in _steps(goldstream, peers, plan.workers):
                if step.peer is not None and step.peer not in available:
                    continue
                try:
                    await broker.delete_topics(journal if step.job == "segment" else ())
                    if step.peer is None:
                        await broker.delete_groups()
                    async with asyncio.timeout(timeout_s):
                        measured = await step.run()
                except (BenchFailed, KafkaError, TimeoutError) as error:  # the other programs are still measured
                    result.failed.append(
                        f"{step.peer or 'goldstream'}, {JOBS[step.job]}: {error or 'not done in time'}"
                    )
                    log(f"round {number} of {plan.rounds}: FAILED: {error}")
                    continue
                result.runs.append(measured)
                log(f"round {number} of {plan.rounds}: {_summary(measured)}")
    return result


def _steps(goldstream: GoldstreamRunner, peers: PeerRunner, workers: Sequence[int]) -> Iterator[_Step]:
    """Yield the steps of one round: the segment stage of all programs, then the whole path of all.

    Peers run between two runs of Goldstream: a stopped worker stays a member of its group for 20 s, and only then can
    the group be deleted.
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


def _summary(measured: Measurement) -> str:
    summary = f"{measured.program}, {JOBS[measured.job]}: {measured.rate:,.0f} events/s"
    return summary if not measured.faults else f"{summary}, WRONG: " + "; ".join(measured.faults)
