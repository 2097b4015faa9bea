# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Count the rows of a table that have a reason, with their first lines."""

from typing import Any

from agents.importing.findings import MAX_ERRORS, MAX_LINES_PER_REASON, UNREADABLE, LeftOut


def add_left_out(con: Any, table: str, left_out: LeftOut, *, condition: str = "true", detail: str = "detail") -> None:
    """Add the rows of a table that are left out.

    Args:
        con: connection.
        table: with the columns `reason`, `line` and `position`.
        left_out: receives them.
        condition: SQL that the rows must fulfil.
        detail: SQL of what describes a row.
    """
    counts = con.execute(
        f"SELECT reason, count(*) FROM {table} WHERE reason IS NOT NULL AND {condition} GROUP BY reason"
    ).fetchall()
    for reason, count in counts:
        shown = MAX_ERRORS if reason == UNREADABLE else MAX_LINES_PER_REASON
        rows = con.execute(
            f"SELECT line, {detail} FROM {table} WHERE reason = ? AND {condition} ORDER BY position LIMIT ?",
            [reason, shown],
        ).fetchall()
        for number, (line, described) in enumerate(rows):
            left_out.add(reason, line, described or "", count - len(rows) + 1 if number == 0 else 1)
