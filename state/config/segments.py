"""The segments of a policy: the `[[segment]]` entries of the file, laid out by cell.

A cell is one score of each measure; scores count from 1, best is highest. The entries stand best first, and the first
one that takes a cell has it. Entries with `orders_max` take it from some of its customers only, so a cell may have
several.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from state.config.config_errors import format_value
from state.config.toml_reader import MAX_INTEGER, Table, is_integer

POTENTIAL: Final = "potential"
"""The segment of a customer without any order that counts for recency."""
RESERVED: Final = (POTENTIAL, "none")
"""No policy may call a segment so; `none` is where a customer's first change comes from, in a campaign's `from`."""

Scores = tuple[int, int, int]
Choices = tuple[tuple[int, str], ...]
CellTable = tuple[tuple[tuple[Choices, ...], ...], ...]

_UNLIMITED: Final = 2**63 - 1
_LISTED_CELLS: Final = 5


class Segment(Struct, frozen=True):
    """A segment and what people call it."""

    name: str
    title_en: str | None = None
    title_ru: str | None = None


class SegmentRule(Struct, frozen=True):
    """One `[[segment]]`: the scores that it takes of each measure, and the most lifetime orders, if they matter."""

    name: str
    r: tuple[int, ...]
    f: tuple[int, ...]
    m: tuple[int, ...]
    orders_max: int | None


def read_rules(entries: Sequence[Table], widths: Scores) -> tuple[SegmentRule, ...]:
    """Read what the entries take; nothing if any of them is at fault.

    Args:
        entries: the `[[segment]]` tables.
        widths: how many scores recency, frequency and monetary have; 1 for a measure whose edges are at fault.
    """
    rules = [_read_rule(entry, widths) for entry in entries]
    return tuple(rule for rule in rules if rule) if all(rules) else ()


def read_segments(entries: Sequence[Table]) -> tuple[Segment, ...]:
    """Gather the segments in the order of their first entries; a title may stand at any entry of its segment."""
    titles: dict[str, dict[str, str]] = {}
    for entry in entries:
        name = entry.content.get("name")
        known = titles.setdefault(name if isinstance(name, str) else "", {})
        title = entry.table("title")
        if title is None:
            continue
        for language in ("en", "ru"):
            text = title.text(language)
            if text is not None and known.setdefault(language, text) != text:
                title.add_error(language, f"must be one for the segment: got {format_value([known[language], text])}")
        title.reject_unknown_keys()
    return tuple(Segment(name, title.get("en"), title.get("ru")) for name, title in titles.items())


def build_cell_table(rules: Sequence[SegmentRule], widths: Scores) -> CellTable:
    """Lay rules out by cell: `table[r][f][m]` has the segments that the cell may be, the first that fits wins.

    Each choice is the most lifetime orders that it takes and its name. Place 0 of every axis is empty.
    """
    choices: dict[Scores, list[tuple[int, str]]] = {}
    left = set(_cells(widths))
    for rule in rules:
        for scores in itertools.product(rule.r, rule.f, rule.m):
            if scores in left:
                choices.setdefault(scores, []).append((rule.orders_max or _UNLIMITED, rule.name))
                if rule.orders_max is None:
                    left.remove(scores)
    rs, fs, ms = (range(1, width + 1) for width in widths)
    return ((), *(((), *(((), *(tuple(choices.get((r, f, m), ())) for m in ms)) for f in fs)) for r in rs))


def check_coverage(file: Table, table: CellTable, widths: Scores) -> None:
    """Note the cells that no rule takes from all of their customers."""
    cells = list(_cells(widths))
    left = [f"{r}{f}{m}" for r, f, m in cells if not table[r][f][m] or table[r][f][m][-1][0] != _UNLIMITED]
    if left:
        listed = ", ".join(left[:_LISTED_CELLS]) + (", …" if len(left) > _LISTED_CELLS else "")
        file.add_error(
            "segment",
            f"must cover every cell, without counting rules with orders_max: {len(left)} of {len(cells)} are left: "
            f"{listed}; end with a [[segment]] that has no when",
        )


def _cells(widths: Scores) -> Iterator[Scores]:
    """Every cell, best first."""
    r, f, m = (range(width, 0, -1) for width in widths)
    return itertools.product(r, f, m)


def _read_rule(entry: Table, widths: Sequence[int]) -> SegmentRule | None:
    """Read what a `[[segment]]` takes; None if anything is wrong with that. Without `when` it takes every cell."""
    before = len(entry.errors)
    name = entry.name()
    if name in RESERVED:
        entry.add_error("name", f"must not be {name}, which is reserved")
    when = entry.table("when")
    if when is None:
        when = Table({}, entry.errors)
    r, f, m = (_read_scores(when, key, width) for key, width in zip("rfm", widths, strict=True))
    orders_max = when.integer("orders_max")
    when.reject_unknown_keys()
    return SegmentRule(name, r, f, m, orders_max) if len(entry.errors) == before else None


def _read_scores(when: Table, key: str, width: int) -> tuple[int, ...]:
    """Read the scores that a rule takes of one measure: all where it says nothing, none where it is at fault."""
    value = when.get(key)
    known = width > 1
    if value is None:
        return tuple(range(1, width + 1))
    if not isinstance(value, list) or not value:
        when.expect(key, "a list of scores; leave it out to take every score", value)
        return ()
    if not all(is_integer(score, width if known else MAX_INTEGER) for score in value):
        when.expect(key, f"a list of scores from 1 to {width}" if known else "a list of scores from 1", value)
        return ()
    return tuple(sorted(set(value)))
