"""The segments of a policy: the `[[segment]]` entries of the file, and the table that assigns cells to segments.

A cell consists of one score of each measure, from 1 to the best. Entries are in order, best first; the first that
matches a customer wins. An entry with `orders_max` matches only some customers of a cell, so a cell can have several.
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
"""Names that a segment cannot have. `none` stands for no segment in a campaign's `from`."""

Scores = tuple[int, int, int]
Choices = tuple[tuple[int, str], ...]
CellTable = tuple[tuple[tuple[Choices, ...], ...], ...]

_UNLIMITED: Final = 2**63 - 1
_LISTED_CELLS: Final = 5


class Segment(Struct, frozen=True):
    """A segment and its titles."""

    name: str
    title_en: str | None = None
    title_ru: str | None = None


class SegmentRule(Struct, frozen=True):
    """One `[[segment]]` entry: the scores that it matches, and the maximum of lifetime orders, if it has one."""

    name: str
    r: tuple[int, ...]
    f: tuple[int, ...]
    m: tuple[int, ...]
    orders_max: int | None


def read_rules(entries: Sequence[Table], widths: Scores) -> tuple[SegmentRule, ...]:
    """Return the rules of the entries; empty if any entry has errors.

    Args:
        entries: The `[[segment]]` tables.
        widths: Number of scores of recency, frequency and monetary; 1 for a measure whose thresholds have errors.
    """
    rules = [_read_rule(entry, widths) for entry in entries]
    return tuple(rule for rule in rules if rule) if all(rules) else ()


def read_segments(entries: Sequence[Table]) -> tuple[Segment, ...]:
    """Return the segments in the order of their first entries. Any entry of a segment can have its title."""
    titles: dict[str, dict[str, str]] = {}
    for entry in entries:
        name = entry.content.get("name")
        titles_of_segment = titles.setdefault(name if isinstance(name, str) else "", {})
        title = entry.table("title")
        if title is None:
            continue
        for language in ("en", "ru"):
            text = title.text(language)
            if text is not None and titles_of_segment.setdefault(language, text) != text:
                both = format_value([titles_of_segment[language], text])
                title.add_error(language, f"must be the same in all entries of a segment: got {both}")
        title.reject_unknown_keys()
    return tuple(Segment(name, title.get("en"), title.get("ru")) for name, title in titles.items())


def build_cell_table(rules: Sequence[SegmentRule], widths: Scores) -> CellTable:
    """Return the rules by cell: `table[r][f][m]` has the segments that match the cell, in order.

    Each is a pair of the maximum of lifetime orders and the name. Index 0 of every axis is empty.
    """
    choices: dict[Scores, list[tuple[int, str]]] = {}
    uncovered = set(_cells(widths))
    for rule in rules:
        for scores in itertools.product(rule.r, rule.f, rule.m):
            if scores in uncovered:
                choices.setdefault(scores, []).append((rule.orders_max or _UNLIMITED, rule.name))
                if rule.orders_max is None:
                    uncovered.remove(scores)
    rs, fs, ms = (range(1, width + 1) for width in widths)
    return ((), *(((), *(((), *(tuple(choices.get((r, f, m), ())) for m in ms)) for f in fs)) for r in rs))


def check_coverage(file: Table, table: CellTable, widths: Scores) -> None:
    """Report the cells that no rule matches for all customers."""
    cells = list(_cells(widths))
    uncovered = [f"{r}{f}{m}" for r, f, m in cells if not table[r][f][m] or table[r][f][m][-1][0] != _UNLIMITED]
    if uncovered:
        listed = ", ".join(uncovered[:_LISTED_CELLS]) + (", …" if len(uncovered) > _LISTED_CELLS else "")
        file.add_error(
            "segment",
            f"must cover every cell, not counting rules with orders_max: {len(uncovered)} of {len(cells)} are not "
            f"covered: {listed}; add a last [[segment]] without when",
        )


def _cells(widths: Scores) -> Iterator[Scores]:
    """Return every cell, best first."""
    r, f, m = (range(width, 0, -1) for width in widths)
    return itertools.product(r, f, m)


def _read_rule(entry: Table, widths: Sequence[int]) -> SegmentRule | None:
    """Return the rule of a `[[segment]]` entry; None if it has errors. Without `when` it matches every cell."""
    errors_before = len(entry.errors)
    name = entry.name()
    if name in RESERVED:
        entry.add_error("name", f"must not be {name}, which is reserved; choose another one")
    when = entry.table("when")
    if when is None:
        when = Table({}, entry.errors)
    r, f, m = (_read_scores(when, key, width) for key, width in zip("rfm", widths, strict=True))
    orders_max = when.integer("orders_max")
    when.reject_unknown_keys()
    return SegmentRule(name, r, f, m, orders_max) if len(entry.errors) == errors_before else None


def _read_scores(when: Table, key: str, width: int) -> tuple[int, ...]:
    """Return the scores of one measure that a rule matches: all if it has none, none if there are errors."""
    value = when.get(key)
    is_width_known = width > 1
    if value is None:
        return tuple(range(1, width + 1))
    if not isinstance(value, list) or not value:
        when.expect(key, "a list of scores; leave it out to match every score", value)
        return ()
    if not all(is_integer(score, width if is_width_known else MAX_INTEGER) for score in value):
        when.expect(key, f"a list of scores from 1 to {width}" if is_width_known else "a list of scores from 1", value)
        return ()
    return tuple(sorted(set(value)))
