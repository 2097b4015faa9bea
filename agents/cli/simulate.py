"""`goldstream simulate`: a plausible shop, as history or live, into the topic `events` or a file."""

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
from agents.cli.progress import progress_of
from agents.cli.publishing import ensure_topic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agents.simulation.shop import Plan, SimulatedEvent
    from streams.clock import Clock
    from streams.settings.settings import Settings

UNTIL: Final = "2026-01-01T00:00:00Z"
LIVE_RATE: Final = 10.0
_BREATH_S: Final = 0.005  # ahead of the rate by less, several events go out together
_SHOWN_EVERY: Final = 500


class Sink(Protocol):
    """Where events go: a topic or a file."""

    async def publish(self, key: bytes | None, value: bytes) -> None:
        """Take an event."""

    async def flush(self) -> None:
        """Return when all that was taken is safe."""


@dataclasses.dataclass(slots=True)
class Told:
    """What has been told so far: events by kind, and the moments of the first and the last."""

    kinds: Counter[str] = dataclasses.field(default_factory=Counter)
    customers: set[str] = dataclasses.field(default_factory=set)
    stopped: bool = False

    def summary(self) -> str:
        """The counts in one line."""
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.kinds.items()))
        return f"{self.kinds.total():,} events ({kinds}) of {len(self.customers):,} customers"


def simulate(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    seed: Annotated[int, typer.Option(help="The same seed tells the same story, byte for byte.")] = 1,
    customers: Annotated[int, typer.Option(min=1, max=10_000_000, help="Who join in the time told.")] = 1_000,
    days: Annotated[int, typer.Option(min=1, max=36_500, help="How long the story is.")] = 365,
    until: Annotated[str, typer.Option(metavar="TIME", help="When the story ends, RFC 3339.")] = UNTIL,
    live: Annotated[
        bool, typer.Option("--live/--history", help="Live: everything happens now, and goes on until Ctrl-C.")
    ] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Events a second; history: as fast as possible, live: 10.")
    ] = None,
    events: Annotated[int | None, typer.Option(min=1, help="End after so many.")] = None,
    currency: Annotated[str | None, typer.Option(help="Of all prices; that of the configured policy.")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write JSON Lines there (- is standard output), not to Kafka.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Publish a plausible shop: customers who join, buy, lapse, come back, return goods and use coupons."""
    from agents.simulation.shop import Plan
    from streams.clock import SYSTEM_CLOCK

    settings = load_context(context, config)
    plan = Plan.create(seed, customers, days, _until_ms(until), _currency(settings, currency))
    story = _live_story(plan, SYSTEM_CLOCK) if live else _history(plan)
    telling = _Telling(plan, story, rate or (LIVE_RATE if live else None), events, SYSTEM_CLOCK, live=live)
    if out is not None:
        told, where = asyncio.run(_to_file(telling, out)), str(out)
    else:
        with kafka_named(settings):
            told, where = asyncio.run(_to_kafka(telling, settings))
    if told.stopped and not live:
        raise CommandFailed(f"interrupted after {told.summary()}; the same command again changes nothing of them")
    if str(out) != "-":
        typer.echo(f"{told.summary()} to {where}")


def _until_ms(until: str) -> int:
    from state.units.timestamps import parse_rfc3339

    try:
        return parse_rfc3339(until)
    except ValueError as error:
        raise UsageFailure(f"--until must be RFC 3339 with an offset, such as {UNTIL}: got {until!r}") from error


def _currency(settings: "Settings", given: str | None) -> str:
    from state.units.money import DIGITS
    from streams.settings.rules_files import configured_policy

    if given is None:
        return configured_policy(settings).currency
    if given not in DIGITS:
        raise UsageFailure(f"--currency must be an ISO 4217 code, such as RUB: got {given!r}")
    return given


def _history(plan: "Plan") -> "Iterator[SimulatedEvent]":
    from agents.simulation.shop import simulate as story_of

    return story_of(plan)


def _live_story(plan: "Plan", clock: "Clock") -> "Iterator[SimulatedEvent]":
    """The story over and over, each time with ids of its own."""
    started = clock.wall_ms() // 1000
    for number in range(sys.maxsize):
        yield from _history(plan._replace(run=f"{started:x}-{number}-"))


@dataclasses.dataclass(frozen=True, slots=True)
class _Telling:
    """A story with the rate at which it is told."""

    plan: "Plan"
    story: "Iterator[SimulatedEvent]"
    rate: float | None
    limit: int | None
    clock: "Clock"
    _: dataclasses.KW_ONLY
    live: bool

    async def to(self, sink: Sink) -> Told:
        """Tell the story until it ends, `limit` is reached, or SIGINT or SIGTERM comes."""
        from streams.retries import pause

        stop, told, clock = asyncio.Event(), Told(), self.clock
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        started = clock.monotonic()
        total = None if self.live else float(self.plan.until_ms - self.plan.start_ms)
        with progress_of("telling", self.limit if self.live else total) as show:
            for count, event in enumerate(self.story):
                if self.rate and (ahead := started + count / self.rate - clock.monotonic()) > _BREATH_S:
                    await sink.flush()
                    await pause(ahead, stop, clock)
                if count % _SHOWN_EVERY == 0:
                    show(count if self.live else event.at_ms - self.plan.start_ms)
                    await asyncio.sleep(0)  # signals come only while this waits
                if stop.is_set() or count == self.limit:
                    told.stopped = stop.is_set()
                    break
                value = event.value(clock.wall_ms() if self.live else None)
                await sink.publish(event.customer_id.encode() or None, value)
                told.kinds[event.fields["type"]] += 1
                told.customers.add(event.customer_id)
        told.customers.discard("")
        return told


async def _to_kafka(telling: _Telling, settings: "Settings") -> tuple[Told, str]:
    from streams.kafka.publisher import Publisher
    from streams.kafka.topics import Topics

    await ensure_topic(settings, "events")
    topic = Topics(settings.prefix).full("events")
    async with Publisher(settings, topic) as publisher:
        told = await telling.to(publisher)
    return told, topic


async def _to_file(telling: _Telling, out: Path) -> Told:
    try:
        if str(out) == "-":
            return await telling.to(_FileSink(sys.stdout.buffer))
        with out.open("wb") as file:
            return await telling.to(_FileSink(file))
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandFailed(f"{out} cannot be written ({error.strerror}); name another file") from error


class _FileSink:
    """Writes JSON Lines."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    async def publish(self, key: bytes | None, value: bytes) -> None:  # noqa: ARG002 - the value says whose it is
        self._file.write(value + b"\n")

    async def flush(self) -> None:
        self._file.flush()
