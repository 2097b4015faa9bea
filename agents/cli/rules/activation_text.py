"""What an activation would do and has done, as lines and as JSON."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from agents.analysis.rules_preview import PREVIEW_DAYS
from agents.cli.reader import format_local, reader_language, titles_of
from state.units.counts import counted

if TYPE_CHECKING:
    from agents.analysis.rules_preview import NewRules, Preview
    from agents.cli.rules.activation import Applied
    from state.config.active_rules import ActiveRules

Moves = Counter[tuple[str, str]]
Titles = Mapping[str, str]


def segment_titles(active: "ActiveRules", new: "NewRules") -> Titles:
    """Return the titles of the segments of the active and the new policy, in the reader's language."""
    language = reader_language()
    policies = [policy for policy in (active.policy, new.policy) if policy is not None]
    return {name: title for policy in policies for name, title in titles_of(policy, language).items()}


def preview_lines(preview: "Preview", active: "ActiveRules", new: "NewRules", titles: Titles) -> Iterator[str]:
    """Yield who would move and which messages would be sent."""
    assert active.policy is not None
    for before, after in ((active.policy, new.policy), (active.campaigns, new.campaigns)):
        if after is not None:
            yield f"{after.ref} in place of {before.ref if before else 'none'}"
    if preview.watermark_ms is None:
        yield "there are no customers yet"
        return
    zone = active.policy.timezone
    when = f"as of {format_local(preview.watermark_ms, zone)} ({zone})"
    if new.policy is None:
        yield f"{counted(preview.customers, 'customer')}, {when}; nobody moves to another segment"
    else:
        customers = counted(preview.customers, "customer")
        yield f"{preview.moves.total():,} of {customers} would move to another segment, {when}"
    yield from _moves_table(preview.moves, titles)
    yield ""
    names = sorted({*preview.sent_at_once, *preview.sent_before, *preview.sent_after, *preview.superseded})
    if not names:
        yield f"no messages, at once or within {PREVIEW_DAYS} days"
        return
    yield f"messages, if nobody buys in the next {PREVIEW_DAYS} days:"
    rows = [
        (
            name,
            f"{preview.sent_at_once[name]:,}",
            f"{preview.superseded[name]:,}",
            f"{preview.sent_before[name]:,}",
            f"{preview.sent_after[name]:,}",
        )
        for name in names
    ]
    yield from _table(
        (
            "campaign",
            "sent at once",
            "cancelled at once",
            f"{PREVIEW_DAYS} days as it is",
            f"{PREVIEW_DAYS} days with it",
        ),
        rows,
        1,
    )


def applied_lines(refs: str, applied: "Applied", titles: Titles) -> Iterator[str]:
    """Yield what the activation has done."""
    if applied.waiting is None:
        yield f"{refs}: applied; no worker runs, so it takes effect when one starts"
    elif applied.waiting:
        partitions = ", ".join(map(str, applied.waiting))
        yield f"{refs}: applied; partitions {partitions} have not reached it yet (goldstream doctor says why)"
    elif applied.moves is None:
        yield f"{refs}: applied, in all partitions"
    else:
        moved = counted(applied.moves.total(), "customer")
        yield f"{refs}: applied, in all partitions; {moved} moved to another segment"
        yield from _moves_table(applied.moves, titles)


def preview_object(preview: "Preview") -> dict[str, Any]:
    """Return the preview for `--json`."""
    from state.units.timestamps import format_ms

    return {
        "as_of": None if preview.watermark_ms is None else format_ms(preview.watermark_ms),
        "customers": preview.customers,
        "moves": moves_object(preview.moves),
        "days": PREVIEW_DAYS,
        "sent_at_once": dict(preview.sent_at_once),
        "cancelled_at_once": dict(preview.superseded),
        "sent_as_it_is": dict(preview.sent_before),
        "sent_with_it": dict(preview.sent_after),
    }


def moves_object(moves: Moves | None) -> list[dict[str, Any]] | None:
    """Return moves for `--json`, most customers first."""
    if moves is None:
        return None
    return [{"from": pair[0], "to": pair[1], "customers": count} for pair, count in _sorted(moves)]


def _sorted(moves: Moves) -> list[tuple[tuple[str, str], int]]:
    return sorted(moves.items(), key=lambda move: (-move[1], move[0]))


def _moves_table(moves: Moves, titles: Titles) -> Iterator[str]:
    if moves:
        rows = [
            (titles.get(before, before), titles.get(after, after), f"{count:,}")
            for (before, after), count in _sorted(moves)
        ]
        yield from _table(("from", "to", "customers"), rows, 2)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]], text_columns: int) -> Iterator[str]:
    """Yield the heads and rows: the first columns are texts, aligned left, the others figures, aligned right."""
    widths = [max(len(row[column]) for row in (heads, *rows)) for column in range(len(heads))]
    for row in (heads, *rows):
        cells = (
            f"{cell:<{width}}" if column < text_columns else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        yield "  " + "  ".join(cells).rstrip()
