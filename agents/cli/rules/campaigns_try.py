"""`goldstream campaigns try`: what a campaigns file would do on today's customers."""

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.rules.campaigns import CampaignsFile
from agents.cli.rules.control_rules import read_active_rules
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of
from state.units.counts import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from agents.analysis.campaign_trial import Trial
    from state.config.campaigns import Campaigns
    from state.config.policy import Policy
    from streams.settings.settings import Settings


def try_campaigns(
    context: typer.Context,
    file: CampaignsFile,
    days: Annotated[int, typer.Option(min=1, max=366, metavar="N", help="How many days to look ahead.")] = 30,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Try a campaigns file on today's customers: who would have entered, and which messages would be sent.

    As if the file had always been active: everyone enters what their last change of segment matches, at the moment of
    that change, and then time alone goes on. Consents are today's, and history counts like any other past. Activating
    the file is quieter: only changes that come after it start anything; `campaigns apply --dry-run` shows that. Nothing
    is written.
    """
    from streams.settings.rules_files import parse_campaigns_file

    settings = load_context(context, config)
    with kafka_named(settings):
        policy = asyncio.run(read_active_rules(settings)).policy
        if policy is None:
            remedy = "correct GOLDSTREAM_PREFIX, or start a worker first"
            raise CommandFailed(f"no policy is active under the prefix {settings.prefix}; {remedy}")
        campaigns = parse_campaigns_file(file, policy)
        trial = _try(settings, policy, campaigns, days)
    if as_json:
        write_json(_object(settings, campaigns, trial, days))
        return
    from agents.cli.terminal.render import draw

    draw(_blocks(campaigns, trial, days, policy.timezone))


def _try(settings: "Settings", policy: "Policy", campaigns: "Campaigns", days: int) -> "Trial":
    from agents.analysis.campaign_trial import try_campaigns as evaluate
    from streams.errors import FatalError

    with progress_of(f"trying {campaigns.ref} on the customers of {settings.prefix}", 1.0) as show:
        try:
            return asyncio.run(evaluate(settings, policy, campaigns, days, show))
        except FatalError as error:
            raise CommandFailed(str(error)) from error


def _object(settings: "Settings", campaigns: "Campaigns", trial: "Trial", days: int) -> dict[str, Any]:
    from state.units.timestamps import format_ms

    listed = [
        {
            "campaign": name,
            "entered": each.entered,
            "control_group": each.compared,
            "sent_before": each.sent_before,
            "entering": each.entering,
            "sent": dict(each.sent_later),
            "suppressed": dict(each.suppressed_later),
        }
        for name, each in trial.campaigns.items()
    ]
    return {
        "prefix": settings.prefix,
        "campaigns": campaigns.ref,
        "as_of": None if trial.as_of_ms is None else format_ms(trial.as_of_ms),
        "customers": trial.customers,
        "days": days,
        "tried": listed,
    }


def _blocks(campaigns: "Campaigns", trial: "Trial", days: int, zone: str) -> "Iterator[RenderableType]":
    from rich.table import Table

    from agents.cli.reader import format_local

    if trial.as_of_ms is None:
        yield "there are no customers yet"
        return
    as_of = f"as of {format_local(trial.as_of_ms, zone)} ({zone})"
    span = counted(days, "day")
    yield f"{campaigns.ref} on {counted(trial.customers, 'customer')}, as if it had always been active; {as_of}"
    yield ""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("campaign")
    for heading in ("entered so far", "sent so far", f"enter in {span}", f"sent in {span}", "control group"):
        table.add_column(heading, justify="right")
    for name, each in trial.campaigns.items():
        figures = (each.entered, each.sent_before, each.entering, each.sent_later.total(), each.compared)
        table.add_row(name, *(f"{figure:,}" for figure in figures))
    yield table
    details = [line for name, each in trial.campaigns.items() for line in _details(name, each)]
    if details:
        yield ""
        yield f"in the next {span}:"
        yield from details


def _details(name: str, campaign: Any) -> "Iterator[str]":
    if campaign.sent_later:
        channels = ", ".join(f"{count:,} by {channel}" for channel, count in campaign.sent_later.most_common())
        yield f"  {name}: sent {channels}"
    if campaign.suppressed_later:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in campaign.suppressed_later.most_common())
        yield f"  {name}: not sent {reasons}"
