# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Say what the words of the columns of statuses mean, and let each line have its own where they differ in an order."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from agents.importing.findings import Findings
from agents.importing.mapping.expression import Column, alternatives_of
from agents.importing.mapping.mapping import Mapping
from agents.importing.rows.cell_readers import part_reader
from agents.importing.rows.row_meaning import read_paid, status_reader
from agents.importing.rows.row_source import RowSource

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_WORDS: Final = 8
_MEANINGS: Final = {
    "counts": "orders with these words count",
    "skip": "orders with these words do not count",
    "refunded": "orders with these words are refunded as a whole, unless rows or a column say how much",
    "other": "no known words: their orders count; list them under skip if they should not",
}


def state_statuses(source: RowSource, mapping: Mapping, findings: Findings) -> None:
    """Say how many rows have which status, and what that means for their orders."""
    readers: dict[str, Callable[[str], str | None]] = {"status": status_reader(mapping), "paid": read_paid}
    for field, read in readers.items():
        words: defaultdict[str, dict[str, int]] = defaultdict(dict)
        for part in alternatives_of(mapping.fields[field]) if field in mapping.fields else ():
            if not isinstance(part, Column):
                continue
            extract = part_reader(part.extract) if part.extract else str
            cell = source.cell(part.name)
            for value in source.staging.values(cell.table, cell.name):
                text = extract(value.text)
                if text is not None:
                    counts = words[read(text) or "other"]
                    counts[text] = counts.get(text, 0) + value.count
        for meaning, counts in sorted(words.items()):
            ordered = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
            listed = ", ".join(f"{text[:40]} ({count:,})" for text, count in ordered[:_MOST_WORDS])
            more = f" and {len(ordered) - _MOST_WORDS:,} more" if len(ordered) > _MOST_WORDS else ""
            evidence = f"{_MEANINGS[meaning]}; in brackets the number of rows"
            findings.assume(f"{field}.{meaning}", listed + more, evidence, "[status] in a mapping file (--map)")


def split_statuses(con: Any, lines: str, findings: Findings) -> None:
    """Let each line of an order have its own status where they differ, as in the reports of marketplaces.

    Lines that do not count are left out, lines that are refunded are returned, and the rest of the order counts.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE mixed_orders AS SELECT order_key, min(line) AS line FROM {lines}
            WHERE role = 'sale' AND status IS NOT NULL GROUP BY order_key HAVING count(DISTINCT status) > 1"""
    )
    ((count, line),) = con.execute("SELECT count(*), min(line) FROM mixed_orders").fetchall()
    if count:
        of_these = "role = 'sale' AND order_key IN (SELECT order_key FROM mixed_orders)"
        con.execute(
            f"UPDATE {lines} SET is_returned = coalesce(is_returned, false) OR status = 'refunded', status = 'counts', "
            "role = CASE WHEN status IN ('skip', 'unpaid') THEN 'out' ELSE role END, "
            "reason = CASE status WHEN 'skip' THEN 'status' WHEN 'unpaid' THEN 'unpaid' ELSE reason END "
            f"WHERE status IS NOT NULL AND {of_these}"
        )
        evidence = f"the lines of {count:,} orders differ in it, such as from line {line} on"
        findings.assume("status", "each line has its own", evidence)
    con.execute("DROP TABLE mixed_orders")
