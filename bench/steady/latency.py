"""Measure the time from the publication of a purchase until a reader has the change that it caused."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Final, TypeAlias

import typer

from bench.console_output import JsonFile, console, or_exit, print_progress, write_json
from bench.idle import running_redis
from bench.measurement import difference
from bench.steady.latency_programs import (
    GOLDSTREAM,
    GOLDSTREAM_WITH_REDIS,
    KAFKA_STREAMS,
    RunningProgram,
    running_goldstream,
    running_kafka_streams,
)
from bench.steady.latency_report import LatencyRun, Spread, print_report, report_as_json
from bench.steady.redis_watch import RedisWatch
from bench.steady.steady_runner import SteadyLoad
from bench.testbed.broker import BenchFailed
from bench.testbed.machine import machine
from bench.testbed.peer_runner import peers_python, unavailable_peers
from bench.testbed.process_usage import processor_seconds, processor_seconds_of_all
from bench.testbed.testbed import Testbed, run_on_testbed

Starting: TypeAlias = AbstractAsyncContextManager[RunningProgram]
DEFAULT_RATES: Final = (100, 1000)


@dataclass(frozen=True, slots=True)
class LatencyPlan:
    """What to measure: each program at each rate, `warm` seconds before each measurement of `seconds`.

    Each program first processes the highest rate for `warm` seconds, because Java compiles what it runs often.
    """

    rates: Sequence[int]
    seconds: float
    warm: float
    programs: Sequence[str]


def latency(
    rate: Annotated[
        list[int] | None,
        typer.Option("--rate", min=1, help="Purchases per second; repeat it for several. Default: 100 and 1000."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Duration of each measurement, in seconds.")] = 30.0,
    warm: Annotated[float, typer.Option(min=0, help="Duration of the warm-up before each, in seconds.")] = 10.0,
    redis: Annotated[
        bool | None,
        typer.Option("--redis/--no-redis", help="Measure Goldstream with Redis or without; default: both."),
    ] = None,
    beside: Annotated[
        str, typer.Option(metavar="PEER", help="kafka-streams, or none: Goldstream alone.")
    ] = KAFKA_STREAMS,
    json_file: JsonFile = None,
) -> None:
    """Measure latency and processor time at steady rates in wall mode, next to Kafka Streams with `linger.ms=0`.

    The status is 1 if a program publishes wrong changes, whatever the figures are.
    """
    if beside not in {KAFKA_STREAMS, "none"}:
        print_progress(f"bench: --beside {beside}: valid values: {KAFKA_STREAMS}, none", style="red")
        raise typer.Exit(2)
    plan = LatencyPlan(rate or DEFAULT_RATES, seconds, warm, programs_for(redis, beside))
    machine_facts = or_exit(machine)
    runs, missing = or_exit(lambda: measure(plan))
    print_report(console(), runs, machine_facts)
    if json_file is not None:
        options = {"rates": list(plan.rates), "seconds": seconds, "warm": warm, "programs": list(plan.programs)}
        write_json(json_file, report_as_json(runs, options, machine_facts, missing))
    for name, reason in missing.items():
        print_progress(f"bench: left out: {name}: {reason}", style="red")
    wrong = [f"{run.program}, {run.rate:,}/s: {fault}" for run in runs for fault in run.faults]
    for fault in wrong:
        print_progress(f"bench: {fault}", style="red")
    raise typer.Exit(1 if wrong else 0)


def programs_for(redis: bool | None, beside: str) -> list[str]:  # noqa: FBT001 - three values: with, without, both
    """Return the names of the programs to measure, in order."""
    goldstream = {None: [GOLDSTREAM, GOLDSTREAM_WITH_REDIS], True: [GOLDSTREAM_WITH_REDIS], False: [GOLDSTREAM]}[redis]
    return [*goldstream, *([KAFKA_STREAMS] if beside == KAFKA_STREAMS else [])]


def measure(plan: LatencyPlan) -> tuple[list[LatencyRun], dict[str, str]]:
    """Measure on a broker of its own; also return the programs that were left out, and why.

    Raises:
        Missing: Java, Maven or the peers' environment is not available.
        BenchFailed: a measurement failed.
    """
    peers_python("confluent_kafka")
    missing = {
        str(peer): reason
        for peer, reason in unavailable_peers(["kafka-streams"] if KAFKA_STREAMS in plan.programs else []).items()
    }
    programs = [name for name in plan.programs if name not in missing]

    async def run_all(redis: str | None, testbed: Testbed) -> list[LatencyRun]:
        starts = _starts(testbed, redis)
        runs: list[LatencyRun] = []
        for name in programs:
            runs += [run async for run in _at_each_rate(testbed, plan, starts[name]())]
        return runs

    with running_redis() if GOLDSTREAM_WITH_REDIS in programs else nullcontext() as redis:
        return run_on_testbed("wall", print_progress, partial(run_all, redis)), missing


def _starts(testbed: Testbed, redis: str | None) -> dict[str, Callable[[], Starting]]:
    return {
        GOLDSTREAM: partial(running_goldstream, testbed),
        GOLDSTREAM_WITH_REDIS: partial(running_goldstream, testbed, redis),
        KAFKA_STREAMS: partial(running_kafka_streams, testbed),
    }


async def _at_each_rate(testbed: Testbed, plan: LatencyPlan, starting: Starting) -> AsyncIterator[LatencyRun]:
    async with starting as program:
        faults: tuple[str, ...] = ()
        if plan.warm >= 1:
            rate = max(plan.rates)
            testbed.log(f"{program.name}: {rate:,} purchases per second for {plan.warm:.0f} s, not measured")
            faults = (await measure_at_rate(testbed, program, "warm", rate, 0.0, plan.warm)).faults
        for number, rate in enumerate(plan.rates):
            testbed.log(f"{program.name}: {rate:,} purchases per second for {plan.warm + plan.seconds:.0f} s")
            run = await measure_at_rate(testbed, program, f"s{number}-{rate}", rate, plan.warm, plan.seconds)
            yield replace(run, faults=(*faults, *run.faults))
            faults = ()


async def measure_at_rate(
    testbed: Testbed, program: RunningProgram, name: str, rate: int, warm: float, seconds: float
) -> LatencyRun:
    """Measure a running program at one rate.

    Raises:
        BenchFailed: the program or the load ended early.
    """
    load = SteadyLoad(
        testbed.settings.kafka,
        testbed.directory,
        source=program.source,
        changes=program.changes,
        name=f"{program.name.partition(',')[0]}-{name}",
        rate=rate,
        seconds=warm + seconds,
    )
    with load:
        from_s, until_s = load.begin_s + warm, load.begin_s + warm + seconds
        watch = None
        if program.redis is not None:
            watch = RedisWatch(*program.redis, load.name, rate, load.begin_s, from_s, until_s)
        watching = asyncio.create_task(asyncio.to_thread(watch.run)) if watch is not None else None
        await _until(from_s)
        before = _used(testbed, program, load)
        await _until(until_s)
        after = _used(testbed, program, load)
        result = await load.result()
        seen_s = {} if watching is None else await watching
    if not program.is_alive():
        message = f"{program.name} ended during the measurement"
        raise BenchFailed(message)
    faults = result.faults()
    invisible = sum(at_s is None for at_s in seen_s.values())
    if invisible:
        faults = (*faults, f"{invisible:,} of {len(seen_s):,} sampled purchases not visible in Redis after 30 s")
    percent = {
        name: None if used is None else 100 * used / (until_s - from_s)
        for name, used in ((name, difference(before[name], after[name])) for name in before)
    }
    published = result.published_s
    return LatencyRun(
        program.name,
        rate,
        Spread.of(result.change_latencies_s(from_s, until_s)),
        Spread.of(result.purchase_latencies_s(from_s, until_s)),
        Spread.of([at_s - published[number] for number, at_s in seen_s.items() if at_s is not None]),
        late_ms=1000 * max(result.late_s(from_s, until_s, load.begin_s, rate)),
        cpu_percent=percent["program"],
        broker_percent=percent["broker"],
        load_percent=percent["load"],
        faults=faults,
    )


def _used(testbed: Testbed, program: RunningProgram, load: SteadyLoad) -> dict[str, float | None]:
    """Return the processor time used so far, in seconds; that of the load includes this process, which asks Redis."""
    of_load, own = processor_seconds_of_all(load.pid), time.process_time()
    return {
        "program": program.processor_seconds(),
        "broker": processor_seconds(testbed.broker_pid),
        "load": None if of_load is None else of_load + own,
    }


async def _until(moment_s: float) -> None:
    await asyncio.sleep(max(0.0, moment_s - time.perf_counter()))
