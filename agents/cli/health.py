"""`goldstream health`: how the base fares, day by day."""

import asyncio
from typing import Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named


def health(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="How many days, the latest last.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Write the days as a JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show how the base fares day by day: revenue, orders, segments, who lapses and who comes back.

    Days are local ones of the policy's `timezone`; the last one may not be over. Read from Kafka alone.
    """
    from agents.health.reader import NoDailyTotals, read_days

    settings = load_context(context, config)
    with kafka_named(settings):
        try:
            told = asyncio.run(read_days(settings, days))
        except NoDailyTotals as error:
            raise CommandFailed(str(error)) from error
    if as_json:
        import msgspec

        from agents.health.ratios import ratios_of

        shown = [{**day, "figures": ratios_of(day)} for day in told]
        typer.echo(msgspec.json.encode({"prefix": settings.prefix, "days": shown}))
        return
    from agents.cli.render import draw
    from agents.health.render import health_blocks

    draw(health_blocks(told))
