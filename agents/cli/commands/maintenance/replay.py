"""`goldstream replay`: replay the journal into another prefix."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named
from agents.cli.option_values import TimeoutOption, parse_timeout
from agents.cli.terminal.json_output import JsonOption, write_json
from agents.cli.terminal.progress import progress_of
from state.units.counts import counted

if TYPE_CHECKING:
    from agents.replay.replay import ReplayRequest, ReplayResult
    from streams.settings.settings import Settings


def replay(  # noqa: PLR0913, PLR0917 - each is an option of the command
    context: typer.Context,
    into: Annotated[str, typer.Option(metavar="PREFIX", help="The new prefix; it must not be in use.")],
    partitions: Annotated[
        int | None,
        typer.Option(
            min=1, max=10_000, metavar="N", help="Partitions of the new prefix.", show_default="GOLDSTREAM_PARTITIONS"
        ),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Policy from the beginning on, in place of the journal's; its currency and window may differ.",
        ),
    ] = None,
    campaigns: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Campaigns from the beginning on, in place of the journal's.")
    ] = None,
    without_import: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Leave out the events of this import; may be repeated."),
    ] = None,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Replay the journal into another prefix: other partitions, currency or window, or without a wrong import.

    The ids and the ce_source stay the same, so readers recognize what they have seen; erased customers are left out.
    Stop the workers of the old prefix first, or run the command again after they have stopped. Then start workers with
    GOLDSTREAM_PREFIX set to the new prefix, and with GOLDSTREAM_SOURCES set to the old one if they are to read its
    source topics. An interrupted replay, or one that --timeout ended, continues when the command is run again.

    With the same number of partitions, or a multiple of it, every event is evaluated at the same moment as before. With
    any other number too, with one exception: after a crash, one old partition may have been ahead of another just
    before a policy was activated. That policy, or a late event next to it, may then apply from the later of the two
    moments.
    """
    from agents.replay.replay import ReplayRequest
    from streams.kafka.needed_rights import replaying
    from streams.settings.rules_files import parse_campaigns_file, parse_policy_file

    settings = load_context(context, config)
    new_policy = parse_policy_file(policy) if policy else None
    new_campaigns = parse_campaigns_file(campaigns, new_policy) if campaigns else None
    timeout_s = parse_timeout(timeout)
    if _parse_prefix(into) == settings.prefix:
        raise UsageFailure(f"--into must be another prefix than GOLDSTREAM_PREFIX: got {into!r}")
    with (
        kafka_named(settings, replaying(settings)),
        progress_of(f"replaying {settings.prefix} into {into}", 1.0) as show,
    ):
        request = ReplayRequest(into, partitions, new_policy, new_campaigns, without_import or ())
        result = asyncio.run(_replay(settings, request, timeout_s, show))
    copied = result.copied
    if as_json:
        write_json(
            {
                "prefix": settings.prefix,
                "into": into,
                "policy": result.policy_ref,
                "old_partitions": result.old_partitions,
                "new_partitions": result.new_partitions,
                "read": copied.read_count,
                "written": copied.written_count,
                "left_out": {"erased": copied.erased_count, "imports": copied.import_count},
            }
        )
        return
    typer.echo(
        f"{settings.prefix} → {into}: {counted(copied.read_count, 'record')} of "
        f"{counted(result.old_partitions, 'partition')} read, "
        f"{copied.written_count:,} written to {result.new_partitions}, {copied.erased_count:,} of erased customers "
        f"{f'and {copied.import_count:,} of imports ' if without_import else ''}left out; {result.policy_ref} is active"
    )
    typer.echo(f"now start workers with GOLDSTREAM_PREFIX={into}")
    typer.echo(
        f"with GOLDSTREAM_SOURCES={settings.prefix} they continue to read what shops publish to {settings.prefix}.*"
    )


async def _replay(
    settings: "Settings", request: "ReplayRequest", timeout_s: float | None, show: Callable[[float], None]
) -> "ReplayResult":
    from agents.replay.replay import replay as replay_journal
    from state.records.events import UnknownFormatVersion
    from streams.kafka.control import NoControlTopic
    from streams.kafka.reader import OffsetTruncated

    try:
        async with asyncio.timeout(timeout_s):
            return await replay_journal(settings, request, lambda read, total: show(read / max(1, total)))
    except TimeoutError as error:
        raise CommandFailed(
            f"the replay into {request.into} is not done after {timeout_s:.0f} s; run the command again to continue it"
        ) from error
    except (NoControlTopic, UnknownFormatVersion, OffsetTruncated) as error:
        raise CommandFailed(str(error)) from error


def _parse_prefix(text: str) -> str:
    """Return the new prefix, validated like the setting."""
    from streams.settings.setting_parsers import topic_prefix

    try:
        return topic_prefix(text)
    except ValueError as error:
        raise UsageFailure(f"--into must {error}: got {text!r}") from error
