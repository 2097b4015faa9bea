"""`goldstream policy` and `goldstream campaigns`: check a file, or bring it into force through `control`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named, print_error

if TYPE_CHECKING:
    from state.config.active_rules import ActiveRules
    from state.config.campaigns import Campaigns
    from state.config.policy import Policy
    from streams.settings.settings import Settings

policy = typer.Typer(help="Check a policy, or bring it into force.")
campaigns = typer.Typer(help="Check campaigns, or bring them into force.")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of a policy.")]
CampaignsFile = Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of campaigns.")]


@policy.command("check")
def check_policy(file: PolicyFile) -> None:
    """Check a policy as a whole and say every fault; the status is 1 if there are any."""
    from streams.settings.rules_files import parse_policy_file

    typer.echo(_summary_of_policy(parse_policy_file(file)))


@policy.command("apply")
def apply_policy(context: typer.Context, file: PolicyFile, config: ConfigOption = None) -> None:
    """Bring a policy into force everywhere, after what has been published so far.

    What is in force already stays, with status 0. Refused are the same name and version with other contents, and
    another currency or window, which need a new prefix and a replay.
    """
    from streams.settings.rules_files import parse_policy_file

    settings = load_context(context, config)
    new = parse_policy_file(file)
    with kafka_named(settings):
        typer.echo(asyncio.run(_apply_policy(settings, file, new)))


@campaigns.command("check")
def check_campaigns(
    context: typer.Context,
    file: CampaignsFile,
    against: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Policy with the segments; the configured one."),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Check campaigns as a whole, against the segments of the policy, and say every fault; the status is 1 if any."""
    from streams.settings.rules_files import configured_policy, parse_campaigns_file, parse_policy_file

    meant = parse_policy_file(against) if against else configured_policy(load_context(context, config))
    typer.echo(_summary_of_campaigns(parse_campaigns_file(file, meant)))


@campaigns.command("apply")
def apply_campaigns(context: typer.Context, file: CampaignsFile, config: ConfigOption = None) -> None:
    """Bring campaigns into force everywhere, after what has been published so far.

    They are checked against the segments of the policy in force. Refused are the same name and version with other
    contents.
    """
    from streams.settings.rules_files import parse_campaigns_file

    settings = load_context(context, config)
    parse_campaigns_file(file, None)
    with kafka_named(settings):
        typer.echo(asyncio.run(_apply_campaigns(settings, file)))


def _summary_of_policy(checked: "Policy") -> str:
    cells = (len(checked.recency_edges) + 1) * (len(checked.frequency_edges) + 1) * (len(checked.monetary_edges) + 1)
    return (
        f"{checked.ref}: {cells} cells, {len(checked.segment_names)} segments ({', '.join(checked.segment_names)}), "
        f"{checked.currency}, window {checked.window_days} days"
    )


def _summary_of_campaigns(checked: "Campaigns") -> str:
    names = ", ".join(campaign.name for campaign in checked.campaigns)
    return f"{checked.ref}: {len(checked.campaigns)} campaigns ({names})"


async def _apply_policy(settings: "Settings", file: Path, new: "Policy") -> str:
    from state.config.active_rules import Outcome
    from streams.kafka.control import ControlRecord, append_control

    known = await _in_force(settings)
    decision = known.check_policy(new)
    if decision.outcome is Outcome.REFUSED:
        raise CommandFailed(f"{file}: {decision.errors[0]}")
    if decision.outcome is Outcome.UNCHANGED:
        return f"{new.ref} is already in force"
    if known.campaigns is not None:
        _warn_of_lost_segments(known.campaigns.text, new)
    offset = await append_control(settings, ControlRecord(kind="policy", text=new.text))
    return f"{_summary_of_policy(new)}: applied, at offset {offset} of control"


async def _apply_campaigns(settings: "Settings", file: Path) -> str:
    from state.config.active_rules import Outcome
    from streams.kafka.control import ControlRecord, append_control
    from streams.settings.rules_files import parse_campaigns_file

    known = await _in_force(settings)
    new = parse_campaigns_file(file, known.policy)
    decision = known.check_campaigns(new)
    if decision.outcome is Outcome.REFUSED:
        raise CommandFailed(f"{file}: {decision.errors[0]}")
    if decision.outcome is Outcome.UNCHANGED:
        return f"{new.ref} is already in force"
    offset = await append_control(settings, ControlRecord(kind="campaigns", text=new.text))
    return f"{_summary_of_campaigns(new)}: applied, at offset {offset} of control"


async def _in_force(settings: "Settings") -> "ActiveRules":
    from streams.kafka.control import NoControlTopic, read_control, reduce_control

    try:
        return reduce_control(await read_control(settings))
    except NoControlTopic as error:
        raise CommandFailed(str(error)) from error


def _warn_of_lost_segments(campaigns_text: str, new: "Policy") -> None:
    """Say which segments of the campaigns in force the new policy does not have: they will begin no more."""
    from state.config.campaigns import parse_campaigns
    from state.config.config_errors import ConfigErrors

    try:
        parse_campaigns(campaigns_text, new.segment_names)
    except ConfigErrors as error:
        for fault in error.errors:
            print_error(f"goldstream: warning: the campaigns in force do not fit {new.ref}: {fault}")
