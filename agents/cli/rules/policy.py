"""`goldstream policy check` and `apply`: validate a policy file, activate it through the topic `control`."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, kafka_named
from agents.cli.rules.control_rules import read_active_rules, warn_of_missing_segments

if TYPE_CHECKING:
    from state.config.policy import Policy
    from streams.settings.settings import Settings

group = typer.Typer(help="Check, activate, show, suggest or compare policies.")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="TOML file of a policy.")]


@group.command("check")
def check(file: PolicyFile) -> None:
    """Validate a policy as a whole and report all errors; the status is 1 if there are any."""
    from streams.settings.rules_files import parse_policy_file

    typer.echo(_summary(parse_policy_file(file)))


@group.command("apply")
def apply(context: typer.Context, file: PolicyFile, config: ConfigOption = None) -> None:
    """Activate a policy in all partitions, after the events that are published already.

    If it is active already, nothing changes and the status is 0. Refused are the same name and version with different
    contents, and a different currency or window, which need a new prefix and a replay.
    """
    from streams.settings.rules_files import parse_policy_file

    settings = load_context(context, config)
    policy = parse_policy_file(file)
    with kafka_named(settings):
        typer.echo(asyncio.run(_apply(settings, file, policy)))


def _summary(policy: "Policy") -> str:
    cells = (
        (len(policy.recency_edges_text) + 1) * (len(policy.frequency_edges) + 1) * (len(policy.monetary_edges_text) + 1)
    )
    return (
        f"{policy.ref}: {cells} cells, {len(policy.segment_names)} segments ({', '.join(policy.segment_names)}), "
        f"{policy.currency}, window {policy.window_days} days"
    )


async def _apply(settings: "Settings", file: Path, policy: "Policy") -> str:
    from state.config.active_rules import Outcome
    from streams.kafka.control import ControlRecord, append_control

    active = await read_active_rules(settings)
    decision = active.check_policy(policy)
    if decision.outcome is Outcome.REFUSED:
        raise CommandFailed(f"{file}: {decision.errors[0]}")
    if decision.outcome is Outcome.UNCHANGED:
        return f"{policy.ref} is already active"
    if active.campaigns is not None:
        warn_of_missing_segments(active.campaigns, policy)
    offset = await append_control(settings, ControlRecord(kind="policy", text=policy.text))
    return f"{_summary(policy)}: applied, at offset {offset} of control"
