"""`goldstream campaigns check` and `apply`: validate a campaigns file, activate it through the topic `control`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.help.command import CommandGroup
from agents.cli.option_values import parse_timeout
from agents.cli.rules.activation import (
    WAIT_SECONDS,
    ApplyTimeoutOption,
    ApplyYesOption,
    DryRunOption,
    activate,
    report_unchanged,
)
from agents.cli.rules.control_rules import read_active_rules
from agents.cli.terminal.json_output import JsonOption, write_json
from state.units.counts import counted

if TYPE_CHECKING:
    from state.config.active_rules import ActiveRules
    from state.config.campaigns import Campaigns
    from state.config.policy import Policy
    from streams.settings.settings import Settings

group = CommandGroup(help="Check, activate or show campaigns, and report their uplift.")

CampaignsFile = Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of campaigns.")]


@group.command("check")
def check(
    context: typer.Context,
    file: CampaignsFile,
    policy_file: Annotated[
        Path | None,
        typer.Option("--policy", metavar="FILE", help="Policy with the segments.", show_default="the configured one"),
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Validate campaigns as a whole, against the segments of a policy, and report all errors.

    The status is 1 if there are any.
    """
    from state.config.config_errors import ConfigErrors
    from streams.settings.rules_files import parse_campaigns_file

    errors: list[str] = []
    policy = None
    try:
        policy = _policy(None if policy_file else load_context(context, config), policy_file)
    except ConfigErrors as found:
        errors.extend(found.errors)
    try:
        campaigns = parse_campaigns_file(file, policy)
    except ConfigErrors as found:
        errors.extend(found.errors)
    if as_json:
        names = [] if errors else [each.name for each in campaigns.campaigns]
        ref = None if errors else campaigns.ref
        write_json({"file": str(file), "is_valid": not errors, "errors": errors, "ref": ref, "campaigns": names})
    if errors:
        raise CommandFailed(*errors)
    if not as_json:
        typer.echo(_summary(campaigns))


@group.command("apply")
def apply(
    context: typer.Context,
    file: CampaignsFile,
    timeout: ApplyTimeoutOption = None,
    yes: ApplyYesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Activate campaigns in all partitions, after the events that are published already.

    First it shows which messages would be sent, cancelled or added within a week, and asks. With --yes it does not ask,
    and does not compute what it would show. If the file is active already, nothing changes and the status is 0.

    They are validated against the segments of the active policy. The same name and version with different contents is
    refused.
    """
    from agents.analysis.rules_preview import NewRules
    from state.config.active_rules import Outcome
    from streams.kafka.needed_rights import writing

    settings = load_context(context, config)
    timeout_s = parse_timeout(timeout) or WAIT_SECONDS
    with kafka_named(settings, writing(settings, "control", asks_workers=True)):
        active = asyncio.run(read_active_rules(settings))
        campaigns = read_campaigns(active, file)
        if active.check_campaigns(campaigns).outcome is Outcome.UNCHANGED:
            report_unchanged(campaigns.ref, as_json=as_json)
        else:
            activate(
                settings,
                active,
                NewRules(None, campaigns),
                timeout_s=timeout_s,
                yes=yes,
                dry_run=dry_run,
                as_json=as_json,
            )


def _policy(settings: "Settings | None", file: Path | None) -> "Policy":
    from streams.settings.rules_files import configured_policy, parse_policy_file

    if file is not None:
        return parse_policy_file(file)
    assert settings is not None
    return configured_policy(settings)


def _summary(campaigns: "Campaigns") -> str:
    names = ", ".join(campaign.name for campaign in campaigns.campaigns)
    return f"{campaigns.ref}: {counted(len(campaigns.campaigns), 'campaign')} ({names})"


def read_campaigns(active: "ActiveRules", file: Path) -> "Campaigns":
    """Return the campaigns of a file, valid and not refused.

    Raises:
        ConfigErrors: all errors of the file.
        CommandFailed: why it is refused.
    """
    from streams.settings.rules_files import parse_campaigns_file

    campaigns = parse_campaigns_file(file, active.policy)
    if errors := active.check_campaigns(campaigns).errors:
        raise CommandFailed(*(f"{file}: {error}" for error in errors))
    return campaigns
