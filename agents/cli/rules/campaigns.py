"""`goldstream campaigns check` and `apply`: validate a campaigns file, activate it through the topic `control`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.rules.control_rules import read_active_rules

if TYPE_CHECKING:
    from state.config.campaigns import Campaigns
    from streams.settings.settings import Settings

group = typer.Typer(help="Check, activate or show campaigns, and report their uplift.")

CampaignsFile = Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of campaigns.")]


@group.command("check")
def check(
    context: typer.Context,
    file: CampaignsFile,
    policy_file: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Policy with the segments; default: the configured one."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Validate campaigns as a whole, against the segments of a policy, and report all errors.

    The status is 1 if there are any.
    """
    from streams.settings.rules_files import configured_policy, parse_campaigns_file, parse_policy_file

    policy = parse_policy_file(policy_file) if policy_file else configured_policy(load_context(context, config))
    typer.echo(_summary(parse_campaigns_file(file, policy)))


@group.command("apply")
def apply(context: typer.Context, file: CampaignsFile, config: ConfigOption = None) -> None:
    """Activate campaigns in all partitions, after the events that are published already.

    They are validated against the segments of the active policy. The same name and version with different contents is
    refused.
    """
    from streams.settings.rules_files import parse_campaigns_file

    settings = load_context(context, config)
    parse_campaigns_file(file, None)
    with kafka_named(settings):
        typer.echo(asyncio.run(_apply(settings, file)))


def _summary(campaigns: "Campaigns") -> str:
    names = ", ".join(campaign.name for campaign in campaigns.campaigns)
    return f"{campaigns.ref}: {len(campaigns.campaigns)} campaigns ({names})"


async def _apply(settings: "Settings", file: Path) -> str:
    from state.config.active_rules import Outcome
    from streams.kafka.control import ControlRecord, append_control
    from streams.settings.rules_files import parse_campaigns_file

    active = await read_active_rules(settings)
    campaigns = parse_campaigns_file(file, active.policy)
    decision = active.check_campaigns(campaigns)
    if decision.outcome is Outcome.REFUSED:
        raise CommandFailed(f"{file}: {decision.errors[0]}")
    if decision.outcome is Outcome.UNCHANGED:
        return f"{campaigns.ref} is already active"
    offset = await append_control(settings, ControlRecord(kind="campaigns", text=campaigns.text))
    return f"{_summary(campaigns)}: applied, at offset {offset} of control"
