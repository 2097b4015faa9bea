"""`goldstream worker`, `advance` and `rebuild-redis`: thin doors to what runs."""

import asyncio
import gc
from enum import StrEnum
from typing import Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named
from agents.cli.timeouts import timeout_seconds


class Stage(StrEnum):
    """A part of the worker that can run alone."""

    ADMIT = "admit"
    SEGMENT = "segment"
    PROJECT = "project"


def worker(
    context: typer.Context,
    only: Annotated[Stage | None, typer.Option(help="Run this stage alone; all of them unless given.")] = None,
    config: ConfigOption = None,
) -> None:
    """Run a worker: admit events, keep customers, publish changes and messages, project to Redis.

    It stops at SIGTERM or SIGINT, with status 0.
    """
    gc.disable()  # while a thousand modules are loaded: 6 % of the time that takes (measured)
    from agents.worker.worker import run_worker

    gc.enable()
    settings = load_context(context, config, logs_libraries=True)
    raise typer.Exit(run_worker(settings, only.value if only else None))


def advance(
    context: typer.Context,
    to: Annotated[str, typer.Option(metavar="TIME", help="RFC 3339 with an offset, such as 2026-01-01T00:00:00Z.")],
    timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Give up after this long, such as 5m; waits unless given.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """End a history, in event mode: bring every partition to a moment once all that was published is applied.

    Status 0 once every lane has applied it and its outputs are acknowledged, 1 on the timeout, 2 in wall mode.
    """
    from agents.control.advance import advance as bring_to
    from state.units.timestamps import parse_rfc3339
    from streams.clock import SYSTEM_CLOCK
    from streams.kafka.control import NoControlTopic

    settings = load_context(context, config)
    if settings.time == "wall":
        raise UsageFailure("advance is for event mode: got GOLDSTREAM_TIME = wall; in wall mode time comes by itself")
    try:
        to_ms = parse_rfc3339(to)
    except ValueError as error:
        raise UsageFailure(f"--to must be RFC 3339 with an offset, such as 2026-01-01T00:00:00Z: got {to!r}") from error
    timeout_s = timeout_seconds(timeout)
    with kafka_named(settings):
        try:
            raise typer.Exit(asyncio.run(bring_to(settings, to_ms, timeout_s, SYSTEM_CLOCK)))
        except NoControlTopic as error:
            raise CommandFailed(str(error)) from error


def rebuild_redis(context: typer.Context, config: ConfigOption = None) -> None:
    """Write everything that Redis should hold again, from Kafka; workers may go on meanwhile."""
    from redis.exceptions import RedisError

    from agents.project.rebuild import rebuild
    from agents.project.redis_connection import describe_redis_error
    from streams.kafka.control import NoControlTopic

    settings = load_context(context, config)
    if settings.redis is None:
        raise UsageFailure("GOLDSTREAM_REDIS must be set for rebuild-redis: got nothing; set it to a redis:// URL")
    with kafka_named(settings):
        try:
            raise typer.Exit(asyncio.run(rebuild(settings)))
        except NoControlTopic as error:
            raise CommandFailed(str(error)) from error
        except (RedisError, OSError) as error:
            raise CommandFailed(f"Redis at {settings.redis_shown}: {describe_redis_error(error)}") from error
