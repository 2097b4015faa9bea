"""`goldstream simulate`: publish the events of a simulated shop, as history or live, to `events` or a file."""

import asyncio
import dataclasses
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Final, Protocol

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named
from agents.cli.option_values import check_currency, parse_moment
from agents.cli.publishing import ensure_topics
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of
from state.units.counts import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.simulation.shop import Plan, SimulatedEvent
    from streams.clock import Clock
    from streams.settings.settings import Settings

UNTIL: Final = "2026-01-01T00:00:00Z"
LIVE_RATE: Final = 10.0
_MIN_PAUSE_S: Final = 0.005  # events that are due within this time go out together
_EVENTS_PER_UPDATE: Final = 500


class Sink(Protocol):
    """Where events go: a topic or a file."""

    async def publish(self, key: bytes | None, value: bytes) -> None:
        """Accept an event."""

    async def flush(self) -> None:
        """Return once all accepted events are written."""


@dataclasses.dataclass(slots=True)
class PublishedCounts:
    """What has been published so far.

    Attributes:
        by_kind: events by kind.
        customers: ids of their customers.
        is_interrupted: whether a signal ended the run.
    """

    by_kind: Counter[str] = dataclasses.field(default_factory=Counter)
    customers: set[str] = dataclasses.field(default_factory=set)
    is_interrupted: bool = False

    def summary(self) -> str:
        """Return the counts in one line."""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.by_kind.items()))
        return f"{counted(self.by_kind.total(), 'event')} ({kinds}) of {counted(len(self.customers), 'customer')}"


def simulate(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    seed: Annotated[int, typer.Option(metavar="N", help="The same seed gives the same events, byte for byte.")] = 1,
    customers: Annotated[
        int, typer.Option(min=1, max=10_000_000, metavar="N", help="Number of customers who join in this time.")
    ] = 1_000,
    days: Annotated[int, typer.Option(min=1, max=36_500, metavar="N", help="Length of the history in days.")] = 365,
    until: Annotated[str, typer.Option(metavar="TIME", help="End of the history, RFC 3339.")] = UNTIL,
    live: Annotated[
        bool, typer.Option("--live/--history", help="Live: events occur now, and continue until Ctrl-C.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            metavar="N",
            help="Events per second.",
            show_default="history: no limit, live: 10",
        ),
    ] = None,
    events: Annotated[int | None, typer.Option(min=1, metavar="N", help="Stop after this number of events.")] = None,
    currency: Annotated[
        str | None,
        typer.Option(metavar="CODE", help="Currency of all prices.", show_default="the policy's"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write JSON Lines to this file (-: standard output), not to Kafka."),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Publish a plausible shop: customers who join, buy, lapse, come back, return goods and use coupons."""
    from agents.simulation.shop import Plan
    from streams.clock import SYSTEM_CLOCK
    from streams.kafka.needed_rights import publishing

    settings = load_context(context, config)
    if as_json and str(out) == "-":
        raise UsageFailure("--json and --out - exclude each other: both write to standard output")
    plan = Plan.create(seed, customers, days, parse_moment("--until", until), _currency(settings, currency))
    source = _repeated_history(plan, SYSTEM_CLOCK) if live else _history(plan)
    run = _SimulationRun(plan, source, rate or (LIVE_RATE if live else None), events, SYSTEM_CLOCK, live=live)
    if out is not None:
        counts, target = asyncio.run(_to_file(run, out)), str(out)
    else:
        with kafka_named(settings, publishing(settings, "events")):
            counts, target = asyncio.run(_to_kafka(run, settings))
    if counts.is_interrupted and not live:
        raise CommandFailed(
            f"interrupted after {counts.summary()}; run the command again: repeated events have no effect"
        )
    if as_json:
        report = {"events": counts.by_kind.total(), "by_kind": counts.by_kind, "customers": len(counts.customers)}
        write_json({**report, "to": target})
    elif str(out) != "-":
        typer.echo(f"{counts.summary()} to {target}")


def _currency(settings: "Settings", code: str | None) -> str:
    from streams.settings.rules_files import configured_policy

    return configured_policy(settings).currency if code is None else check_currency(code)


def _history(plan: "Plan") -> "Iterator[SimulatedEvent]":
    from agents.simulation.shop import simulate as simulate_shop

    return simulate_shop(plan)


def _repeated_history(plan: "Plan", clock: "Clock") -> "Iterator[SimulatedEvent]":
    """Yield the history over and over, each time with ids of its own."""
    started_s = clock.wall_ms() // 1000
    for number in range(sys.maxsize):
        yield from _history(plan._replace(run=f"{started_s:x}-{number}-"))


@dataclasses.dataclass(frozen=True, slots=True)
class _SimulationRun:
    """Simulated events, and how fast and how many of them to publish.

    Attributes:
        rate: events per second; None: as fast as possible.
        limit: how many at most; None: all.
        live: whether events get the present moment in place of their own.
    """

    plan: "Plan"
    events: "Iterator[SimulatedEvent]"
    rate: float | None
    limit: int | None
    clock: "Clock"
    _: dataclasses.KW_ONLY
    live: bool

    async def publish_to(self, sink: Sink) -> PublishedCounts:
        """Publish until the events end, `limit` is reached, or SIGINT or SIGTERM arrives."""
        from streams.retries import pause

        stop, counts, clock = asyncio.Event(), PublishedCounts(), self.clock
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        started_s = clock.monotonic()
        total = None if self.live else float(self.plan.until_ms - self.plan.start_ms)
        with progress_of("publishing", self.limit if self.live else total) as show:
            for count, event in enumerate(self.events):
                if self.rate and (early_s := started_s + count / self.rate - clock.monotonic()) > _MIN_PAUSE_S:
                    await sink.flush()
                    await pause(early_s, stop, clock)
                if count % _EVENTS_PER_UPDATE == 0:
                    show(count if self.live else event.at_ms - self.plan.start_ms)
                    await asyncio.sleep(0)  # lets signals arrive
                if stop.is_set() or count == self.limit:
                    counts.is_interrupted = stop.is_set()
                    break
                value = event.value(clock.wall_ms() if self.live else None)
                await sink.publish(event.customer_id.encode() or None, value)
                counts.by_kind[event.fields["type"]] += 1
                counts.customers.add(event.customer_id)
        counts.customers.discard("")
        return counts


async def _to_kafka(run: _SimulationRun, settings: "Settings") -> tuple[PublishedCounts, str]:
    from streams.kafka.topics import Topics
    from streams.kafka.writing.publisher import Publisher

    await ensure_topics(settings, "events")
    topic = Topics(settings.prefix).full("events")
    async with Publisher(settings, topic) as publisher:
        counts = await run.publish_to(publisher)
    return counts, topic


async def _to_file(run: _SimulationRun, out: Path) -> PublishedCounts:
    try:
        if str(out) == "-":
            return await run.publish_to(_FileSink(sys.stdout.buffer))
        with out.open("wb") as file:
            return await run.publish_to(_FileSink(file))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandFailed(f"{out} cannot be written ({error.strerror}); name another file") from error


class _FileSink:
    """Writes JSON Lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    async def publish(self, key: bytes | None, value: bytes) -> None:  # noqa: ARG002 - the value holds the customer's id
        self._file.write(value + b"\n")

    async def flush(self) -> None:
        self._file.flush()
