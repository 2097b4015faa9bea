"""`goldstream campaigns report`: the response and revenue of each campaign beside its comparison group."""

import asyncio
from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named

if TYPE_CHECKING:
    from agents.reporting.report import UpliftReport
    from streams.settings.settings import Settings


def _parse_day(text: str | None) -> str | None:
    if not text:
        return text
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a date; write it as 2026-05-12") from None


def report_campaigns(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Write the report as a JSON object.")] = False,
    first_day: Annotated[
        str | None, typer.Option("--from", metavar="DAY", callback=_parse_day, help="First day of entry.")
    ] = None,
    last_day: Annotated[
        str | None, typer.Option("--to", metavar="DAY", callback=_parse_day, help="Last day of entry.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Report what each campaign achieved: response, net revenue, and their uplift over the comparison group.

    The comparison group consists of the holdout group and the control group. The report covers entries whose
    `attribution_days` are over; --from and --to select them by the day (UTC) of entry. Reads only from Kafka.
    """
    settings = load_context(context, config)
    report = _report(settings, first_day, last_day)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(report))
        return
    from agents.cli.render import draw
    from agents.reporting.render import report_blocks

    draw(report_blocks(report))


def _report(settings: "Settings", first_day: str | None, last_day: str | None) -> "UpliftReport":
    try:
        from agents.reporting.report import build_report
    except ImportError as error:
        raise CommandFailed("the report needs scipy; install it with `pip install 'goldstream[report]'`") from error
    from agents.reporting.reader import NoOutcomes, read_outcomes

    with kafka_named(settings):
        try:
            sums = asyncio.run(read_outcomes(settings, first_day, last_day))
        except NoOutcomes as error:
            raise CommandFailed(str(error)) from error
    return build_report(sums)
