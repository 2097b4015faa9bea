# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Leave out what several files of one form have in common: an order or a refund in two exports is one."""

from typing import Any


def leave_out_copies(con: Any, lines: str, amount: str, customers: int) -> None:
    """Leave out orders and refunds that another file of the import has too.

    Args:
        con: the connection of the staged tables.
        lines: table of lines.
        amount: `sum` if lines are parts of an order, otherwise `first`.
        customers: how many possible ids of a customer the table has.
    """
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE latest_moments AS
            SELECT file AS of_file, coalesce(max(occurred_at), 0) AS latest FROM {lines} GROUP BY file"""
    )
    _leave_out_orders(con, lines, amount)
    _leave_out_numbered_refunds(con, lines)
    _leave_out_equal_refunds(con, lines, customers)
    con.execute("DROP TABLE latest_moments")


def _leave_out_orders(con: Any, lines: str, amount: str) -> None:
    """Leave out orders that are in several files, except in the file with the latest moment.

    That file was exported last. Where amounts are summed and the files have different sums for an order, it cannot be
    known whether one of them has only a part of it, so the order is left out, with its refunds. A file that
    has further lines of an order, but no amount of it, continues the other file: an export in parts.
    """
    differs = "min(total) <> max(total)" if amount == "sum" else "false"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE copies AS
            SELECT order_key, arg_max(file, (latest, file)) AS kept, list(file) AS files,
                coalesce({differs}, false) AS differs
            FROM (SELECT order_key, file, sum(amount) AS total FROM {lines} WHERE role = 'sale' AND order_id IS NOT NULL
                GROUP BY order_key, file HAVING sum(amount) IS NOT NULL)
            JOIN latest_moments ON file = of_file
            GROUP BY order_key HAVING count(*) > 1"""
    )
    con.execute(
        f"""
        UPDATE {lines} SET role = 'out', reason = CASE WHEN differs THEN 'contradictory' ELSE 'duplicate' END
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
