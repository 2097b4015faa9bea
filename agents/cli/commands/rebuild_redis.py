"""`goldstream rebuild-redis`: restore Redis from Kafka."""

import asyncio

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named


def rebuild_redis(context: typer.Context, config: ConfigOption = None) -> None:
    """Write everything that Redis should hold again, from Kafka; workers may keep running."""
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
            raise CommandFailed(f"Redis at {settings.redis_masked}: {describe_redis_error(error)}") from error
