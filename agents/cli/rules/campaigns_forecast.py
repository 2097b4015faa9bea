"""`goldstream campaigns forecast`: the messages of the next days, by campaign and channel."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.rules.control_rules import read_active_rules
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of
from state.units.counts import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.console import RenderableType
    from rich.table import Table

    from agents.analysis.campaign_forecast import DayMessages, Forecast
    from state.config.active_rules import ActiveRules
    from streams.settings.settings import Settings

_COLUMNS: Final = 7
"""Days beside each other in the table."""


def forecast_campaigns(
    context: typer.Context,
    days: Annotated[
        int, typer.Option(min=1, max=366, metavar="N", help="Number of days, the present one included.")
    ] = 7,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Forecast the messages of the next days by campaign and channel, from what is due already.

    Due are the steps of customers who have entered a campaign, and what time alone brings about: customers who become
    at risk, birthdays, overdue orders. Purchases and signups cancel messages and add others, which no one knows yet.
    Days are those of the shop's time zone. Nothing is written.
    """
    settings = load_context(context, config)
    with kafka_named(settings):
        rules = asyncio.run(read_active_rules(settings))
        if rules.policy is None:
            remedy = "correct GOLDSTREAM_PREFIX, or start a worker first"
            raise CommandFailed(f"no policy is active under the prefix {settings.prefix}; {remedy}")
        forecast = _forecast(settings, rules, days)
    zone = rules.policy.timezone
    if as_json:
        write_json(_object(settings, forecast, zone))
        return
    from agents.cli.terminal.render import draw

    draw(_blocks(forecast, zone))


def _forecast(settings: "Settings", rules: "ActiveRules", days: int) -> "Forecast":
    from agents.analysis.campaign_forecast import forecast_messages
    from streams.errors import FatalError

    with progress_of(f"evaluating the customers of {settings.prefix}", 1.0) as show:
        try:
            return asyncio.run(forecast_messages(settings, rules, days, show))
        except FatalError as error:
            raise CommandFailed(str(error)) from error


def _object(settings: "Settings", forecast: "Forecast", zone: str) -> dict[str, Any]:
    from state.units.timestamps import format_ms

    listed = [
        {"day": each.day, "campaign": each.campaign, "channel": each.channel, "messages": count}
        for each, count in sorted(forecast.messages.items())
    ]
    return {
        "prefix": settings.prefix,
        "as_of": None if forecast.as_of_ms is None else format_ms(forecast.as_of_ms),
        "timezone": zone,
        "days": forecast.days,
        "messages": forecast.messages.total(),
        "forecast": listed,
    }


def _blocks(forecast: "Forecast", zone: str) -> "Iterator[RenderableType]":
    from agents.cli.reader import format_local

    if forecast.as_of_ms is None:
        yield "there are no customers yet"
        return
    first, last = forecast.days[0], forecast.days[-1]
    as_of = f"as of {format_local(forecast.as_of_ms, zone)} ({zone})"
    due = counted(forecast.messages.total(), "message is due", "messages are due")
    yield f"{due} from {first} to {last}, if nobody buys; {as_of}"
    blocks = [forecast.days[begin : begin + _COLUMNS] for begin in range(0, len(forecast.days), _COLUMNS)]
    for days in blocks:
        counts = Counter({each: count for each, count in forecast.messages.items() if each.day in days})
        if counts:
            yield ""
            yield _table([(day.removeprefix(first[:5]), [day]) for day in days] + [("sum", days)], counts)
    if len(blocks) > 1 and forecast.messages:
        yield ""
        yield _table([(f"{first} to {last}", forecast.days)], forecast.messages)


def _table(columns: "Sequence[tuple[str, Sequence[str]]]", messages: "Counter[DayMessages]") -> "Table":
    """Return a table of the campaigns and channels that have messages: a column for each title with its days."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("campaign")
    table.add_column("channel")
    for title, _ in columns:
        table.add_column(title, justify="right")
    for campaign, channel in (*sorted({(each.campaign, each.channel) for each in messages}), ("all", "")):
        counts = [
            sum(
                count
                for each, count in messages.items()
                if each.day in days and (not channel or (each.campaign, each.channel) == (campaign, channel))
            )
            for _, days in columns
        ]
        table.add_row(campaign, channel, *(f"{each:,}" for each in counts), style=None if channel else "bold")
    return table
