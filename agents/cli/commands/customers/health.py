"""`goldstream health`: the customer base day by day."""

import asyncio
from typing import Annotated, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.option_values import FirstDayOption, LastDayOption, parse_period
from agents.cli.shop_policy import shop_policy
from agents.cli.terminal.json_output import JsonOption, write_json

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

    Days are local days in the policy's `timezone`; the last one may not be over. Titles of segments are in the language
    of the terminal. "Golden" is the segment of the best cell, unless the policy's [health] names another one. Reads
    only from Kafka.
    """
    from agents.health.ratios import GOLDEN, with_figures
    from agents.health.reader import NoDailyTotals, read_days

    settings = load_context(context, config)
    first, last = parse_period(first_day, last_day)
    with kafka_named(settings):
        try:
            totals = asyncio.run(read_days(settings, days or (None if first else _SHOWN), first, last))
        except NoDailyTotals as error:
            raise CommandFailed(str(error)) from error
    policy = shop_policy(settings)
    golden = policy.golden if policy else GOLDEN
    if as_json:
        write_json({"prefix": settings.prefix, "days": [with_figures(day, golden) for day in totals]})
        return
    if not totals:
        days_asked = " ".join(part for part in (first and f"from {first}", last and f"to {last}") if part)
        none = f"no day {days_asked}; choose other days" if days_asked else "no day yet; publish purchases"
        typer.echo(f"{settings.prefix} has {none}")
        return
    from agents.cli.reader import reader_language, titles_of
    from agents.cli.terminal.render import draw
    from agents.health.render import health_blocks

    draw(health_blocks(totals, golden, titles_of(policy, reader_language()) if policy else {}))
