"""`goldstream rebuild-redis`: restore Redis from Kafka."""

import asyncio

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named
from agents.cli.terminal.asking import YesOption, confirm
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of
from state.units.counts import counted


def rebuild_redis(
    context: typer.Context, yes: YesOption = False, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """Write everything that Redis should hold again, from Kafka; workers may keep running.

    It deletes the keys of the prefix first, so look-ups find nothing until they are written: if there are any, it asks.
    """
    from redis.exceptions import RedisError

    from agents.project.rebuild import NothingToProject, holds_keys, rebuild
    from agents.project.redis_connection import describe_redis_error
    from streams.kafka.control import NoControlTopic

    settings = load_context(context, config)
    if settings.redis is None:
        raise UsageFailure("GOLDSTREAM_REDIS must be set for rebuild-redis: got nothing; set it to a redis:// URL")
    question = f"Delete all keys {settings.prefix}:* in Redis at {settings.redis_masked}, and write them again?"
    with kafka_named(settings):
        try:
            if asyncio.run(holds_keys(settings)):
                confirm(question, yes=yes)
            with progress_of(f"writing Redis again from {settings.prefix}", 1.0) as show:
                done = asyncio.run(rebuild(settings, show))
        except (NoControlTopic, NothingToProject) as error:
            raise CommandFailed(str(error)) from error
        except (RedisError, OSError) as error:
            raise CommandFailed(f"Redis at {settings.redis_masked}: {describe_redis_error(error)}") from error
    if as_json:
        write_json({"prefix": settings.prefix, **done._asdict()})
    else:
        typer.echo(
            f"{counted(done.deleted, 'key')} deleted; {counted(done.customers, 'customer')}, "
            f"{counted(done.daily_parts, 'daily part')} and {counted(done.changes, 'change')} written from "
            f"{counted(done.partitions, 'partition')}"
        )
