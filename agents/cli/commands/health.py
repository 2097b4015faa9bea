"""`goldstream health`: the customer base day by day."""

import asyncio
from typing import Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named


def health(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="Number of days, up to the latest one.")] = 30,
    as_json: Annotated[bool, typer.Option("--json", help="Write the days as a JSON object.")] = False,
    config: ConfigOption = None,
) -> None:
    """Show the customer base day by day: revenue, orders, segments, lapsed and reactivated customers.

    Days are local days in the policy's `timezone`; the last one may not be over. Reads only from Kafka.
    """
    from agents.health.reader import NoDailyTotals, read_days

    settings = load_context(context, config)
    with kafka_named(settings):
        try:
            totals = asyncio.run(read_days(settings, days))
        except NoDailyTotals as error:
            raise CommandFailed(str(error)) from error
    if as_json:
        import msgspec

        from agents.health.ratios import ratios_of

        with_ratios = [{**day, "figures": ratios_of(day)} for day in totals]
        typer.echo(msgspec.json.encode({"prefix": settings.prefix, "days": with_ratios}))
        return
    from agents.cli.render import draw
    from agents.health.render import health_blocks

    draw(health_blocks(totals))
