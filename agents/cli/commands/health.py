"""`goldstream health`: the customer base day by day."""

import asyncio
from typing import Annotated, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.json_output import JsonOption, write_json
from agents.cli.option_values import FirstDayOption, LastDayOption, parse_period

_SHOWN: Final = 30


def health(
    context: typer.Context,
    days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3660,
            metavar="N",
            help="Number of days, up to the last one.",
            show_default="30, or since --from",
        ),
    ] = None,
    first_day: FirstDayOption = None,
    last_day: LastDayOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the customer base day by day: revenue, orders, segments, lapsed and reactivated customers.

    Days are local days in the policy's `timezone`; the last one may not be over. Reads only from Kafka.
    """
    from agents.health.reader import NoDailyTotals, read_days

    settings = load_context(context, config)
    first, last = parse_period(first_day, last_day)
    with kafka_named(settings):
        try:
            totals = asyncio.run(read_days(settings, days or (None if first else _SHOWN), first, last))
        except NoDailyTotals as error:
            raise CommandFailed(str(error)) from error
    if as_json:
        from agents.health.ratios import ratios_of

        with_ratios = [{**day, "figures": ratios_of(day)} for day in totals]
        write_json({"prefix": settings.prefix, "days": with_ratios})
        return
    from agents.cli.render import draw
    from agents.health.render import health_blocks

    draw(health_blocks(totals))
