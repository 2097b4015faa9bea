"""`goldstream replay`: the journal again under another prefix."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import CommandFailed, UsageFailure, kafka_named
from agents.cli.progress import progress_of
from agents.cli.timeouts import timeout_seconds

if TYPE_CHECKING:
    from agents.replay.replay import ReplayResult
    from state.config.campaigns import Campaigns
    from state.config.policy import Policy
    from streams.settings.settings import Settings


def replay(
    context: typer.Context,
    into: Annotated[str, typer.Option(metavar="PREFIX", help="The new prefix; nobody may have used it.")],
    partitions: Annotated[
        int | None, typer.Option(min=1, max=10_000, metavar="N", help="Of the new prefix; GOLDSTREAM_PARTITIONS.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="From the beginning, in place of the journal's; may have another currency or window."
        ),
    ] = None,
    campaigns: Annotated[
        Path | None, typer.Option(metavar="FILE", help="From the beginning, in place of the journal's.")
    ] = None,
    timeout: Annotated[
        str | None, typer.Option(metavar="DURATION", help="Give up after this long, such as 2h; repeat it to go on.")
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Write the journal again under another prefix, for another number of partitions, currency or window.

    Same ids and the same ce_source, so readers know what they have seen; the erased stay behind. Stop the workers of
    the old prefix before it, or repeat it when they have stopped; then start workers with GOLDSTREAM_PREFIX set to the
    new one, and with GOLDSTREAM_SOURCES set to the old one if they shall go on with its source topics. Cut off, it goes
    on where it stopped when it is repeated.

    With as many partitions as before, or a multiple, every event is judged at the same moment as before. With another
    number too, unless a crash let time come further in one of the old partitions than in another just before a policy:
    then that policy, or a late event beside it, may count from the later moment of the two.
    """
    from streams.settings.rules_files import parse_campaigns_file, parse_policy_file

    settings = load_context(context, config)
    given_policy = parse_policy_file(policy) if policy else None
    given_campaigns = parse_campaigns_file(campaigns, given_policy) if campaigns else None
    timeout_s = timeout_seconds(timeout)
    if _prefix(into) == settings.prefix:
        raise UsageFailure(f"--into must be another prefix than GOLDSTREAM_PREFIX: got {into!r}")
    with kafka_named(settings), progress_of(f"replaying {settings.prefix} into {into}", 1.0) as show:
        done = asyncio.run(_replay(settings, into, partitions, given_policy, given_campaigns, timeout_s, show))
    copied = done.copied
    typer.echo(
        f"{settings.prefix} → {into}: {copied.read_count:,} records of {done.old_partitions} partitions read, "
        f"{copied.written_count:,} written to {done.new_partitions}, {copied.erased_count:,} of the erased left out; "
        f"{done.policy_ref} is in force"
    )
    typer.echo(f"now start workers with GOLDSTREAM_PREFIX={into}")
    typer.echo(f"with GOLDSTREAM_SOURCES={settings.prefix} they go on with what shops publish to {settings.prefix}.*")


async def _replay(
    settings: "Settings",
    into: str,
    partitions: int | None,
    policy: "Policy | None",
    campaigns: "Campaigns | None",
    timeout_s: float | None,
    show: Callable[[float], None],
) -> "ReplayResult":
    from agents.replay.replay import replay as write_again
    from state.records.events import UnknownFormatVersion
    from streams.kafka.control import NoControlTopic
    from streams.kafka.reader import OffsetTruncated

    try:
        async with asyncio.timeout(timeout_s):
            return await write_again(
                settings, into, partitions, policy, campaigns, lambda read, total: show(read / max(1, total))
            )
    except TimeoutError as error:
        raise CommandFailed(
            f"the replay into {into} is not done within {timeout_s:.0f} s; repeat it, and it goes on where it stopped"
        ) from error
    except (NoControlTopic, UnknownFormatVersion, OffsetTruncated) as error:
        raise CommandFailed(str(error)) from error


def _prefix(text: str) -> str:
    """The new prefix, checked as a setting is."""
    from streams.settings.setting_parsers import topic_prefix

    try:
        return topic_prefix(text)
    except ValueError as fault:
        raise UsageFailure(f"--into must {fault}: got {text!r}") from fault
