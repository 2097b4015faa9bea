"""`goldstream rejected`: the last dead letters, and sending them again."""

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from agents.cli.context import ConfigOption, load_context
from agents.cli.failures import UsageFailure, kafka_named
from agents.cli.help.command import CommandGroup
from agents.cli.terminal.asking import YesOption, check_can_ask, confirm
from agents.cli.terminal.json_output import JsonOption, write_json
from state.units.counts import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.rejected.dead_letters import DeadLetter, Ranges
    from agents.rejected.resend import ResendPlan, Selection
    from streams.settings.settings import Settings

group = CommandGroup(help="Look at rejected events, or send them again.")

_LOOKED_AT: Final = 1_000
"""Dead letters at the end of each partition that `show` looks at by default."""

ReasonOption = Annotated[
    list[str] | None, typer.Option("--reason", metavar="REASON", help="Only those rejected for it; may be repeated.")
]


@group.command("show")
def show(
    context: typer.Context,
    reason: ReasonOption = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, metavar="N", help="How many to show, newest first.")] = 20,
    looks_at_all: Annotated[
        bool, typer.Option("--all", help="Look at all there are (30 days), not only the last 1,000 of each partition.")
    ] = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show the last rejected events: when, why, which field and value, and where each was published.

    Counts them by reason first. Times are in the shop's time zone, those of --json in UTC.
    """
    from agents.rejected.dead_letters import letter_ranges, newest, read_letters
    from streams.kafka.needed_rights import reading

    settings = load_context(context, config)
    reasons = _check_reasons(reason)

    async def read() -> "tuple[Counter[str], list[DeadLetter]]":
        counts: Counter[str] = Counter()
        found: list[DeadLetter] = []
        ranges = await letter_ranges(settings, None if looks_at_all else max(_LOOKED_AT, limit))
        async for letter in read_letters(settings, ranges):
            counts[letter.reason] += 1
            if not reasons or letter.reason in reasons:
                found.append(letter)
                if len(found) >= 2 * limit:
                    found = newest(found, limit)
        return counts, newest(found, limit)

    with kafka_named(settings, reading(settings, "rejected")):
        counts, letters = asyncio.run(read())
    if as_json:
        import msgspec

        listed = [_letter_object(each) for each in letters]
        typer.echo(
            msgspec.json.encode(
                {"prefix": settings.prefix, "by_reason": dict(counts.most_common()), "rejected": listed}
            )
        )
        return
    _draw(settings, counts, letters)


@group.command("resend")
def resend(
    context: typer.Context,
    reason: ReasonOption = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="SOURCE",
            help="Only those of a topic (purchases), a partition (goldstream.purchases.v1:3) or a hook (hook:shopify).",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    yes: YesOption = False,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Send rejected events again, each once, to the topic that they came from: after a policy got a rate, for example.

    They keep key, value and headers, and get the header `goldstream-resent`. What was sent once is never sent again,
    also if it is rejected again. What came by a hook goes to `events` if it is an event. What is over 64 KiB or has no
    value is not sent. First it shows how many go where, and asks.
    """
    from agents.rejected.resend import Selection
    from streams.kafka.needed_rights import publishing, reading, resending
    from streams.kafka.topics import Topics

    settings = load_context(context, config)
    selection = Selection.create(settings, _check_reasons(reason), source)
    if not dry_run:
        check_can_ask(yes=yes)
    needed = reading(settings, "control", "rejected", "resent") if dry_run else resending(settings)
    with kafka_named(settings, needed):
        ranges, plan = asyncio.run(_plan(settings, selection))
        total = plan.topics.total()
        for line in _plan_lines(plan):
            typer.echo(line, err=True)
        sent = 0
        if total and not dry_run:
            confirm(f"Send {counted(total, 'rejected event')} again?", yes=yes)
            topics = Topics(settings.prefix, settings.sources)
            with kafka_named(settings, publishing(settings, *map(topics.short, plan.topics))):
                sent = _send(settings, ranges, selection, total)
    if as_json:
        report = {"prefix": settings.prefix, "topics": plan.topics, "skipped": plan.skipped, "resent": sent}
        write_json(report)
    elif not dry_run:
        typer.echo(f"{sent:,} sent again" if sent else "nothing to send")


async def _plan(settings: "Settings", selection: "Selection") -> "tuple[Ranges, ResendPlan]":
    from agents.rejected.dead_letters import letter_ranges
    from agents.rejected.resend import plan_resend

    ranges = await letter_ranges(settings)
    return ranges, await plan_resend(settings, ranges, selection)


def _send(settings: "Settings", ranges: "Ranges", selection: "Selection", total: int) -> int:
    from agents.cli.publishing import ensure_topics
    from agents.cli.terminal.progress import progress_of
    from agents.rejected.resend import resend as resend_letters

    asyncio.run(ensure_topics(settings, "resent"))
    with progress_of("sending again", total) as show_progress:
        return asyncio.run(resend_letters(settings, ranges, selection, show_progress))


def _check_reasons(reasons: "Sequence[str] | None") -> tuple[str, ...]:
    from state.records.reasons import RejectionReason

    valid = [each.value for each in RejectionReason]
    for reason in reasons or ():
        if reason not in valid:
            raise UsageFailure(f"--reason must be one of {', '.join(valid)}: got {reason!r}")
    return tuple(reasons or ())


def _plan_lines(plan: "ResendPlan") -> list[str]:
    lines = [f"{count:,} to {topic}" for topic, count in sorted(plan.topics.items())]
    lines.extend(f"{count:,} not sent: {reason}" for reason, count in sorted(plan.skipped.items()))
    return lines or ["no rejected events"]


def _letter_object(letter: "DeadLetter") -> dict[str, Any]:
    from state.units.timestamps import format_ms

    return {
        "reason": letter.reason,
        "detail": letter.detail,
        "source": letter.source,
        "at": format_ms(letter.at_ms),
        "partition": letter.partition,
        "offset": letter.offset,
    }


def _draw(settings: "Settings", counts: Counter[str], letters: "Sequence[DeadLetter]") -> None:
    from rich.table import Table
    from rich.text import Text

    from agents.cli.reader import format_local
    from agents.cli.shop_policy import shop_zone
    from agents.cli.terminal.render import draw

    if not counts:
        typer.echo(f"no rejected events under the prefix {settings.prefix}")
        return
    by_reason = ", ".join(f"{count:,} {reason}" for reason, count in counts.most_common())
    zone = shop_zone(settings)
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(f"rejected ({zone})", no_wrap=True)
    table.add_column("reason", no_wrap=True)
    table.add_column("source", overflow="fold")
    table.add_column("detail", overflow="fold")
    for each in letters:
        table.add_row(format_local(each.at_ms, zone), each.reason, Text(each.source), Text(each.detail))
    draw([Text(f"{counted(counts.total(), 'rejected event')} looked at: {by_reason}"), "", table])
