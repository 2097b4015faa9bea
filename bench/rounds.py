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
from bench.events import Scale
from bench.following import read_all
from bench.goldstream import Goldstream
from bench.ground import Say, running_kafka
from bench.measured import Job, Measured
from bench.peer import PEERS, Peer, Peers, left_out
from bench.report import JOBS
from bench.verdict import Expected
from bench.workers import Workers
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

_STEP_S: Final = 600.0
_SLOWEST: Final = 200
"""Events a second, below which a step is given up whatever it waits for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a comparison.

    Attributes:
        rounds: how often everything is run.
        peer_seconds: how long a slow program may take purchases in.
        beside: the peers that run beside Goldstream.
        workers: with how many workers Goldstream is run, one number after the other.
    """

    scale: Scale
    rounds: int
    peer_seconds: float
    beside: Collection[Peer] = PEERS
    workers: Sequence[int] = (1, 2)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out.

    Attributes:
        runs: all of them, in order.
        customers: how many customers the purchases turned out to have.
        left_out: the peers that could not be run here, and why.
        failed: runs without a result, and why.
    """

    runs: list[Measured] = field(default_factory=list)
    customers: int = 0
    left_out: dict[Peer, str] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Step:
    """A program at a job; None stands for Goldstream."""

    peer: Peer | None
    job: Job
    run: Callable[[], Awaitable[Measured]]


def measure(asked: Asked, say: Say) -> Outcome:
    """Start a broker, measure, stop the broker; nothing of it is left.

    Raises:
        Missing: Java or Maven is not to be had.
        BenchFailed: Goldstream could not fill its journal, or the broker does not do what it must.
    """
    reasons = left_out(asked.beside)
    for peer, why in reasons.items():
        say(f"left out: {peer}: {why}")
    with running_kafka(say) as (kafka, directory):
        settings = settings_for(kafka.bootstrap)
        return asyncio.run(_measure(settings, kafka.pid, directory, asked, reasons, say))


async def _measure(
    settings: Settings, broker_pid: int | None, directory: Path, asked: Asked, reasons: dict[Peer, str], say: Say
) -> Outcome:
    say(f"publishing {asked.scale.events:,} purchases")
    await publish_purchases(settings, asked.scale)
    say("computing what they must come to")
    expected = await Expected.of(read_all(settings, SOURCE))
    gc.freeze()  # it stays to the end: no collection need look at its millions of objects
    outcome = Outcome(customers=expected.customers, left_out=reasons)
    at_most_s = _STEP_S + asked.scale.events / _SLOWEST
    beside = [peer for peer in asked.beside if peer not in reasons]
    journal = (Topics(settings.prefix).journal, Topics(settings.prefix).control)
    async with Broker(settings) as broker:
        goldstream = Goldstream(settings, broker, broker_pid, Workers(settings, directory), expected)
        peers = Peers(settings, broker, broker_pid, directory, expected, asked.peer_seconds)
        for number in range(1, asked.rounds + 1):
            await broker.forget_topics()
            await broker.end_groups()
            say(f"round {number} of {asked.rounds}: filling the journal for the segment stage")
            await goldstream.fill_journal()
            for step in _steps(goldstream, peers, asked.workers):
                if step.peer is not None and step.peer not in beside:
                    continue
                try:
                    await broker.forget_topics(journal if step.job == "segment" else ())
                    if step.peer is None:
                        await broker.end_groups()
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


def _steps(goldstream: Goldstream, peers: Peers, workers: Sequence[int]) -> Iterator[_Step]:
    """One round: the segment stage of all, and then the whole path of all.

    Two runs of Goldstream are apart where there are peers: a stopped worker stays a member of its group for 20 s, and
    only then can the group be taken away.
    """
    between: tuple[tuple[tuple[Peer, int], ...], ...] = (
        (("kafka-streams", 1), ("bytewax", 1)),
        (("kafka-streams", 2), ("quix", 1), ("faust", 1)),
    )
    jobs: tuple[tuple[Job, Callable[[int], Awaitable[Measured]]], ...] = (
        ("segment", goldstream.segment_alone),
        ("whole", goldstream.whole_path),
    )
    for job, run in jobs:
        for place in range(max(len(workers), len(between))):
            if place < len(workers):
                yield _Step(None, job, partial(run, workers[place]))
            for peer, threads in between[place] if place < len(between) else ():
                yield _Step(peer, job, partial(peers.segments, peer, job, threads))
    yield _Step("aiokafka", "read", peers.bare)


def _told(measured: Measured) -> str:
    what = f"{measured.program}, {JOBS[measured.job]}: {measured.rate:,.0f} events/s"
    return what if not measured.faults else f"{what}, WRONG: " + "; ".join(measured.faults)
