"""What `policy apply` and `campaigns apply` have in common: preview, question, activation, and what it did."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from agents.cli.failures import CommandFailed, print_error
from agents.cli.terminal.asking import can_ask, confirm
from agents.cli.terminal.json_output import write_json
from agents.cli.terminal.progress import progress_of

if TYPE_CHECKING:
    from agents.analysis.rules_preview import NewRules, Preview
    from state.config.active_rules import ActiveRules
    from streams.kafka.control import ControlRecord
    from streams.settings.settings import Settings

DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Show who would move and what would be sent, and change nothing.")
]
ApplyYesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
ApplyTimeoutOption = Annotated[
    str | None,
    typer.Option(
        "--timeout", metavar="DURATION", help="How long to wait until all partitions have it.", show_default="1m"
    ),
]
WAIT_SECONDS: Final = 60.0
"""How long the command waits for running workers to apply the file; it takes effect in any case."""


class Applied(NamedTuple):
    """What an activation did.

    Attributes:
        offset: of the last record in `control`.
        waiting: the partitions that have not applied it yet; None if no worker runs.
        moves: customers by their segments before and after; None until all partitions have applied it.
    """

    offset: int
    waiting: tuple[int, ...] | None
    moves: Counter[tuple[str, str]] | None


def activate(
    settings: "Settings",
    active: "ActiveRules",
    new: "NewRules",
    *,
    timeout_s: float,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Show what new rules would do, ask, activate them, and report what they did.

    Where nobody can be asked it goes on, and says so: scripts activate a file with `policy apply FILE` alone, and the
    former file can be applied again. Commands that delete need `--yes` there (see `terminal.asking`).

    Raises:
        CommandFailed: the answer is no.
    """
    from agents.cli.rules.activation_text import (
        applied_lines,
        moves_object,
        preview_lines,
        preview_object,
        segment_titles,
    )

    titles = segment_titles(active, new)
    refs = " and ".join(file.ref for file in new if file is not None)
    if not dry_run and not yes and not can_ask():
        print_error(
            f"goldstream: nobody was asked about {refs}, because this is no terminal; --yes says that this is meant"
        )
        yes = True
    preview = None
    if active.policy is not None and (dry_run or not yes):
        preview = _preview(settings, active, new)
        for line in preview_lines(preview, active, new, titles):
            typer.echo(line, err=as_json)
    report: dict[str, Any] = {"rules": refs, "applied": not dry_run, "preview": None}
    report["preview"] = None if preview is None else preview_object(preview)
    if not dry_run:
        confirm(f"Activate {refs}?", yes=yes)
        applied = asyncio.run(_apply(settings, new, timeout_s))
        report |= {"control_offset": applied.offset, "moved": moves_object(applied.moves)}
        for line in applied_lines(refs, applied, titles):
            typer.echo(line, err=as_json)
    if as_json:
        write_json(report)


def _preview(settings: "Settings", active: "ActiveRules", new: "NewRules") -> "Preview":
    from agents.analysis.rules_preview import preview_rules
    from streams.errors import FatalError

    with progress_of(f"evaluating the customers of {settings.prefix}", 1.0) as show:
        try:
            return asyncio.run(preview_rules(settings, active, new, show))
        except FatalError as error:
            raise CommandFailed(str(error)) from error


async def _apply(settings: "Settings", new: "NewRules", timeout_s: float) -> Applied:
    from aiokafka import TopicPartition

    from agents.control.activation_effect import count_moves, stage_runs, wait_until_applied
    from streams.kafka.cluster import open_consumer, partitions_by_topic
    from streams.kafka.control import append_control
    from streams.kafka.topics import Topics

    topics, counts = Topics(settings.prefix), await partitions_by_topic(settings)
    changes, lanes = (
        [TopicPartition(topic, number) for number in range(counts.get(topic, 0))]
        for topic in (topics.segment_changes, topics.progress)
    )
    names = [topics.segment_changes, topics.progress]
    async with open_consumer(settings.kafka_client(), names, auto_offset_reset="earliest") as consumer:
        begins: dict[TopicPartition, int] = await consumer.end_offsets(changes)
        offset = -1
        for record in await _records(settings, new):
            offset = await append_control(settings, record)
        if not await stage_runs(settings):
            return Applied(offset, None, None)
        is_policy = new.campaigns is None
        with progress_of(f"activating in the partitions of {settings.prefix}", 1.0) as show:
            waiting = await wait_until_applied(
                consumer, lanes, offset, is_policy=is_policy, seconds=timeout_s, on_applied=show
            )
    if waiting or new.policy is None:
        return Applied(offset, waiting, None)
    return Applied(offset, (), await count_moves(settings, begins, new.policy.ref))


async def _records(settings: "Settings", new: "NewRules") -> "list[ControlRecord]":
    """Return what to append to `control`; in wall mode, campaigns of a new name begin now."""
    from streams.clock import SYSTEM_CLOCK
    from streams.kafka.control import ControlRecord, beginning_of, read_control

    records = [] if new.policy is None else [ControlRecord("policy", new.policy.text)]
    if new.campaigns is None:
        return records
    now_ms = SYSTEM_CLOCK.wall_ms() if settings.time == "wall" else None
    begins_at = beginning_of(await read_control(settings), new.campaigns.name, now_ms)
    return [*records, ControlRecord("campaigns", new.campaigns.text, begins_at)]


def report_unchanged(ref: str, *, as_json: bool) -> None:
    """Report that a file is active already."""
    if as_json:
        write_json({"rules": ref, "applied": False, "preview": None})
    else:
        typer.echo(f"{ref} is already active")
