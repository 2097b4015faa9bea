# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Count the rows of a table that have a reason, with their first lines."""

from typing import Any

from agents.importing.findings import MAX_ERRORS, MAX_LINES_PER_REASON, UNREADABLE, LeftOut
from agents.importing.rows.row_source import RowSource


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


def describe_contradiction(con: Any, lines: str, orders: str, customers: int) -> None:
    """Say what the lines of the first contradictory order have.

    Args:
        con: connection.
        lines: table of lines.
        orders: table of orders.
        customers: how many possible ids of a customer the lines have.
    """
    found = con.execute(
        f"SELECT order_key, detail FROM {orders} WHERE reason = 'contradictory' "
        "AND detail IN ('customer', 'currency', 'amount') ORDER BY position LIMIT 1"
    ).fetchone()
    if found is None:
        return
    key, what = found
    ids = ", ".join(f"customer{number}" for number in range(1, customers + 1))
    cell = f"coalesce({ids}, NULL)" if what == "customer" else what
    values = con.execute(
        f"SELECT DISTINCT {cell}::VARCHAR FROM {lines} "
        f"WHERE order_key = ? AND role <> 'out' AND {cell} IS NOT NULL ORDER BY 1 LIMIT 3",
        [key],
    ).fetchall()
    detail = f"the rows of order {key} differ in {what}: {', '.join(value for (value,) in values)}"
    con.execute(f"UPDATE {orders} SET detail = ? WHERE order_key = ?", [detail, key])


def add_unmatched(source: RowSource, left_out: LeftOut) -> None:
    """Count the rows of joined files, such as payments, whose order is not in the main file."""
    con = source.staging.con
    for table, join in source.joined:
        if join.many:
            view = f"{table.name}_unmatched"
            con.execute(
                f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT line, line AS position, 'no_order' AS reason "
                f"FROM {table.name} AS j ANTI JOIN {source.main.name} AS b ON {source.condition_of(table)}"
            )
            add_left_out(con, view, left_out, detail="''")
