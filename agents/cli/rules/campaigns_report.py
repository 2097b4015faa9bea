"""`goldstream campaigns report`: the response and revenue of each campaign beside its comparison group."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named
from agents.cli.option_values import FirstDayOption, LastDayOption, parse_period
from agents.cli.terminal.json_output import JsonOption, write_json

if TYPE_CHECKING:
    from agents.reporting.report import UpliftReport
    from streams.settings.settings import Settings

_EMPTY: Final[dict[str, object]] = {
    "currency": None,
    "first": None,
    "last": None,
    "confidence": 0.95,
    "repeats": 0,
    "campaigns": [],
}
"""What --json writes if there is nothing to report."""


def report_campaigns(
    context: typer.Context,
    as_json: JsonOption = False,
    first_day: FirstDayOption = None,
    last_day: LastDayOption = None,
    days: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Number of days up to --to.", show_default="all")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Report what each campaign achieved: response, net revenue, and their uplift over the comparison group.

    The comparison group consists of the holdout group and the control group. The report covers entries whose
    `attribution_days` are over; --from and --to select them by the day (UTC) of entry. Reads only from Kafka.
    """
    settings = load_context(context, config)
    first, last = parse_period(first_day, last_day)
    if days is not None:
        if first is not None:
            raise UsageFailure("--days and --from exclude each other; leave one of them out")
        last = last or _today()
        first = (date.fromisoformat(last) - timedelta(days=days - 1)).isoformat()
    report = _report(settings, first, last)
    if as_json:
        write_json(_EMPTY if isinstance(report, str) else report)
        return
    if isinstance(report, str):
        typer.echo(report)
        return
    from agents.cli.terminal.render import draw
    from agents.reporting.render import report_blocks

    draw(report_blocks(report))


def _report(settings: "Settings", first_day: str | None, last_day: str | None) -> "UpliftReport | str":
    """Return the report; if there is nothing to report, why."""
    try:
        from agents.reporting.report import build_report
    except ImportError as error:
        raise CommandFailed("the report needs scipy; install it with `pip install 'goldstream[report]'`") from error
    from agents.reporting.reader import NoOutcomes, NoOutcomesTopic, read_outcomes

    with kafka_named(settings):
        try:
            sums = asyncio.run(read_outcomes(settings, first_day, last_day))
        except NoOutcomesTopic as error:
            raise CommandFailed(str(error)) from error
        except NoOutcomes as error:
            return str(error)
    return build_report(sums)


def _today() -> str:
    from streams.clock import SYSTEM_CLOCK

    return datetime.fromtimestamp(SYSTEM_CLOCK.wall_ms() / 1000, UTC).date().isoformat()
