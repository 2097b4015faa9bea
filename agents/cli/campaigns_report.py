"""`goldstream campaigns report`: what each campaign brought, beside those it was held back from."""

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named

if TYPE_CHECKING:
    from agents.reporting.report import UpliftReport
    from streams.settings.settings import Settings


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no day; write it as 2026-05-12") from None


def report_campaigns(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write the report as a JSON object.")] = False,
    begin: Annotated[
        str | None, typer.Option("--from", metavar="DAY", callback=lambda text: text and _day(text), help="First day.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", metavar="DAY", callback=lambda text: text and _day(text), help="Last day.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Tell what each campaign brought: response, net revenue and their uplift over those who were held back.

    Told are the beginnings whose `attribution_days` are over; --from and --to choose them by the day (UTC) on which the
    campaign began for the customer. Read from Kafka alone.
    """
    settings = load_context(context, config)
    report = _report(settings, begin, end)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(report))
        return
    from agents.cli.render import draw
    from agents.reporting.render import report_blocks

    draw(report_blocks(report))


def _report(settings: "Settings", begin: str | None, end: str | None) -> "UpliftReport":
    try:
        from agents.reporting.report import build_report
    except ImportError as error:
        raise CommandFailed("the report needs scipy; install it with `pip install 'goldstream[report]'`") from error
    from agents.reporting.reader import NoOutcomes, read_outcomes

    with kafka_named(settings):
        try:
            summed = asyncio.run(read_outcomes(settings, begin, end))
        except NoOutcomes as error:
            raise CommandFailed(str(error)) from error
    return build_report(summed)
