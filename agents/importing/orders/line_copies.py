# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Leave out what several files of one form have in common: an order or a refund in two exports is one."""

from typing import Any, Final

from agents.importing.findings import Findings
from agents.importing.orders.sale_lines import SaleLines

_DIFFERENCE: Final = (
    "concat('order ', copies.order_key, ' is ', printf('%.2f', copies.total::DOUBLE), ' in one file and ', "
    "printf('%.2f', other_total::DOUBLE), ' in another')"
)


def leave_out_copies(con: Any, table: SaleLines, amount: str, findings: Findings, *, are_lines: bool) -> None:
    """Leave out orders and refunds that another file of the import has too.

    Args:
        con: the connection of the staged tables.
        table: of lines.
        amount: `sum` if lines are parts of an order, otherwise `first`.
        findings: receives which orders have changed.
        are_lines: whether the columns say that rows are lines of orders.
    """
    lines = table.name
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE latest_moments AS
            SELECT file AS of_file, coalesce(max(occurred_at), 0) AS latest FROM {lines} GROUP BY file"""
    )
    if amount == "sum" and not are_lines:  # orders of one row each are no parts of orders
        are_lines = bool(
            con.execute(
                f"SELECT count(*) FROM (SELECT 1 FROM {lines} WHERE role = 'sale' AND order_id IS NOT NULL "
                "GROUP BY order_key, file HAVING count(*) > 1 LIMIT 1)"
            ).fetchone()[0]
        )
    total = "sum(amount)" if amount == "sum" else "arg_min(amount, position)"
    _leave_out_orders(con, lines, total, findings, can_be_cut=amount == "sum" and are_lines)
    _leave_out_numbered_refunds(con, lines)
    _leave_out_equal_refunds(con, lines, table.customers)
    con.execute("DROP TABLE latest_moments")


def _leave_out_orders(con: Any, lines: str, total: str, findings: Findings, *, can_be_cut: bool) -> None:
    """Leave out orders that are in several files, except in the file with the latest moment.

    That file was exported last. Where files have different sums for an order whose lines are summed, and no other order
    is in all of them with one sum, it cannot be known whether an export in parts was cut within the order: it is left
    out, with its refunds. A file that has further lines of an order, but no amount of it, continues the other file.
    """
    differs = "min(total) <> max(total)" if can_be_cut else "false"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE copies AS
            SELECT order_key, arg_max(file, (latest, file)) AS kept, list(file ORDER BY file) AS files,
                min(total) <> max(total) AS has_changed, coalesce({differs}, false) AS differs,
                arg_max(total, (latest, file)) AS total, arg_min(total, (latest, file)) AS other_total
            FROM (SELECT order_key, file, {total} AS total FROM {lines} WHERE role = 'sale' AND order_id IS NOT NULL
                GROUP BY order_key, file HAVING {total} IS NOT NULL)
            JOIN latest_moments ON file = of_file
            GROUP BY order_key HAVING count(*) > 1"""
    )
    if can_be_cut:
        con.execute("UPDATE copies SET differs = false WHERE files IN (SELECT files FROM copies WHERE NOT has_changed)")
    row = con.execute(
        f"SELECT count(*), min_by({_DIFFERENCE}, order_key) FROM copies WHERE has_changed AND NOT differs"
    ).fetchone()
    if row[0]:
        evidence = f"{row[1]}; the file with the latest moment counts"
        findings.assume("orders.changed", f"{row[0]:,} orders with several sums", evidence)
    con.execute(
        f"""
        UPDATE {lines} SET role = 'out', reason = CASE WHEN differs THEN 'contradictory' ELSE 'duplicate' END,
            error = CASE WHEN differs THEN {_DIFFERENCE} || ', and the files may be parts of one export' END
        FROM copies WHERE {lines}.order_key = copies.order_key AND role <> 'out'
            AND (differs OR (role = 'sale' AND file <> kept AND list_contains(files, file)))"""
    )
    con.execute("DROP TABLE copies")


def _leave_out_numbered_refunds(con: Any, lines: str) -> None:
    """Leave out refunds whose number is in several files, except in the file with the latest moment."""
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE copies AS
            SELECT refund_id, order_id, arg_max(file, (latest, file)) AS kept
            FROM (SELECT DISTINCT refund_id, order_id, file FROM {lines}
                WHERE role = 'refund' AND refund_id IS NOT NULL)
            JOIN latest_moments ON file = of_file GROUP BY refund_id, order_id HAVING count(*) > 1"""
    )
    con.execute(
        f"""
        UPDATE {lines} SET role = 'out', reason = 'duplicate' FROM copies WHERE role = 'refund' AND file <> kept
            AND {lines}.refund_id = copies.refund_id AND {lines}.order_id IS NOT DISTINCT FROM copies.order_id"""
    )
    con.execute("DROP TABLE copies")


def _leave_out_equal_refunds(con: Any, lines: str, customers: int) -> None:
    """Leave out rows of refunds without a number that an earlier file has with the same contents.

    A file with two equal rows has two refunds; so have two files with two equal rows each.
    """
    ids = ", ".join(f"customer{number}" for number in range(1, customers + 1))
    con.execute(
        f"""
        UPDATE {lines} SET role = 'out', reason = 'duplicate' WHERE position IN (
            SELECT position FROM (
                SELECT *, row_number() OVER (PARTITION BY file, mentioned, who, moment, amount, money ORDER BY position)
                    AS ordinal
                FROM (SELECT position, file, order_id AS mentioned, coalesce({ids}, NULL) AS who, occurred_at AS moment,
                        amount, currency AS money
                    FROM {lines} WHERE role = 'refund' AND refund_id IS NULL))
            QUALIFY row_number() OVER (PARTITION BY mentioned, who, moment, amount, money, ordinal
                ORDER BY file) > 1)"""
    )
