"""`goldstream policy check` and `apply`: validate a policy file, activate it through the topic `control`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

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
    from agents.analysis.rules_preview import NewRules
    from state.config.active_rules import ActiveRules
    from state.config.policy import Policy

group = CommandGroup(help="Check, activate, show, suggest or compare policies.")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of a policy.")]


@group.command("check")
def check(file: PolicyFile, as_json: JsonOption = False) -> None:
    """Validate a policy as a whole and report all errors; the status is 1 if there are any."""
    from state.config.config_errors import ConfigErrors
    from streams.settings.rules_files import parse_policy_file

    try:
        policy = parse_policy_file(file)
    except ConfigErrors as found:
        if as_json:
            write_json({"file": str(file), "is_valid": False, "errors": found.errors})
        raise
    if as_json:
        write_json({"file": str(file), "is_valid": True, "errors": [], **_summary_object(policy)})
    else:
        typer.echo(_summary(policy))


@group.command("apply")
def apply(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    file: PolicyFile,
    campaigns: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Campaigns to activate with it, where a segment is renamed or removed."),
    ] = None,
    timeout: ApplyTimeoutOption = None,
    yes: ApplyYesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Activate a policy in all partitions, after the events that are published already.

    First it shows who would move to another segment and which messages would be sent, and asks; afterwards, how many
    moved. With --yes it does not ask, and does not compute what it would show. If the policy is active already, nothing
    changes and the status is 0.

    Refused are: the same name and version with different contents; another currency, window or time zone, which need a
    new prefix and a replay; a policy without a segment that the active campaigns name, unless --campaigns has others.
    """
    from streams.kafka.needed_rights import writing

    settings = load_context(context, config)
    timeout_s = parse_timeout(timeout) or WAIT_SECONDS
    with kafka_named(settings, writing(settings, "control", asks_workers=True)):
        active = asyncio.run(read_active_rules(settings))
        new = _read(active, file, campaigns)
        if new.policy is None and new.campaigns is None:
            assert active.policy is not None
            report_unchanged(active.policy.ref, as_json=as_json)
        else:
            activate(settings, active, new, timeout_s=timeout_s, yes=yes, dry_run=dry_run, as_json=as_json)


def _summary_object(policy: "Policy") -> dict[str, Any]:
    from state.config.policy import json_number

    cells = (
        (len(policy.recency_edges_text) + 1) * (len(policy.frequency_edges) + 1) * (len(policy.monetary_edges_text) + 1)
    )
    return {
        "ref": policy.ref,
        "cells": cells,
        "segments": policy.segment_names,
        "currency": policy.currency,
        "window_days": json_number(policy.window_days),
        "timezone": policy.timezone,
    }


def _summary(policy: "Policy") -> str:
    segments = f"{counted(len(policy.segment_names), 'segment')} ({', '.join(policy.segment_names)})"
    return (
        f"{policy.ref}: {_summary_object(policy)['cells']} cells, {segments}, "
        f"{policy.currency}, window {policy.window_days} days"
    )


def _read(active: "ActiveRules", file: Path, campaigns_file: Path | None) -> "NewRules":
    """Return the policy, and the campaigns that go with it, without what is active already.

    Raises:
        CommandFailed: with all errors of both.
    """
    from agents.analysis.rules_preview import NewRules
    from state.config.active_rules import Outcome
    from state.config.config_errors import ConfigErrors
    from streams.settings.rules_files import missing_segments, parse_campaigns_file, parse_policy_file

    errors: list[str] = []
    policy = campaigns = None
    try:
        policy = parse_policy_file(file)
        decision = active.check_policy(policy)
        errors.extend(f"{file}: {error}" for error in decision.errors)
    except ConfigErrors as found:
        errors.extend(found.errors)
    if campaigns_file is not None:
        try:
            campaigns = parse_campaigns_file(campaigns_file, policy)
            errors.extend(f"{campaigns_file}: {error}" for error in active.check_campaigns(campaigns).errors)
        except ConfigErrors as found:
            errors.extend(found.errors)
    elif policy is not None and active.campaigns is not None:
        remedy = "activate campaigns that fit together with the policy: --campaigns FILE"
        errors.extend(
            f"{file} does not fit the active campaigns {active.campaigns.ref}: {error}; {remedy}"
            for error in missing_segments(active.campaigns, policy)
        )
    if errors:
        raise CommandFailed(*errors)
    assert policy is not None
    is_new_policy = active.check_policy(policy).outcome is not Outcome.UNCHANGED
    is_new_file = campaigns is not None and (
        active.policy is None or active.check_campaigns(campaigns).outcome is not Outcome.UNCHANGED
    )
    return NewRules(policy if is_new_policy else None, campaigns if is_new_file else None)
