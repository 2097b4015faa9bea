# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""What lines are to each other: lines of one order or an order repeated, discounts or refunds."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from agents.importing.findings import Choice, Findings, ImportRefused, Question
from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.name_recognition import is_line_amount, is_order_amount, is_price
from agents.importing.orders.sale_lines import SaleLines
from agents.importing.rows.row_source import RowSource

_DAY_MS: Final = 86_400_000
_MIN_REPEATED: Final = 3
"""In how many orders all rows must have the same amount to show that rows repeat it."""
_OPTION: Final = "--group-amount sum or --group-amount first"


class LineEvidence(msgspec.Struct, frozen=True):
    """What the columns of a file say about its rows.

    Attributes:
        line_columns: columns that only lines of orders have, such as a product.
        amount_columns: columns from which the amount is read.
        are_parts: whether the amounts are certainly parts: quantity times price, or rows of a joined file.
    """

    line_columns: Sequence[str]
    amount_columns: Sequence[str]
    are_parts: bool


def check_continued_orders(con: Any, lines: SaleLines, source: RowSource, columns: Sequence[str]) -> None:
    """Refuse rows with a product and an amount, but without number, moment and customer: of the order above them.

    Args:
        con: the connection of the staged tables.
        lines: the lines.
        source: the rows.
        columns: those that only lines of orders have.

    Raises:
        ImportRefused: there are some.
    """
    cells = [source.cell(name) for name in columns]
    filled = [f"b.{source.staging.column(cell.table, cell.name)}" for cell in cells if cell.table is source.main]
    if not filled:
        return
    ids = ", ".join(f"customer{number}" for number in range(1, lines.customers + 1))
    row = con.execute(
        f"SELECT count(*), min(l.line) FROM {lines.name} l JOIN {source.main.name} b USING (file, line) "
        f"WHERE role = 'sale' AND order_id IS NULL AND occurred_at IS NULL AND coalesce({ids}, NULL) IS NULL "
        f"AND amount IS NOT NULL AND coalesce({', '.join(filled)}) IS NOT NULL"
    ).fetchone()
    if row[0]:
        raise ImportRefused(
            f"{row[0]:,} rows have a product and an amount, but no order number, moment and customer, such as line "
            f"{row[1]}: if they belong to the order above them, fill its cells down to them in a spreadsheet; "
            "otherwise remove them"
        )


def decide_amount(
    con: Any, lines: SaleLines, mapping: Mapping, evidence: LineEvidence, findings: Findings, digits: int
) -> str:
    """Return `sum` or `first`: whether the amounts of an order's lines are parts of its amount, or repeat it.

    Asks if the file decides neither; the result is `sum` then. `digits` are those of the currency after the point.
    """
    if mapping.group.amount:
        return mapping.group.amount
    multiple, repeated, example = _repetitions(con, lines)
    if not multiple:
        return "sum"
    if fraction := _fraction_of_smallest_unit(con, lines.name, digits):
        return _assume(findings, "sum", f"{fraction} is finer than money, so it is a part of an order")
    if evidence.are_parts or any(is_line_amount(name) or is_price(name) for name in evidence.amount_columns):
        return _assume(findings, "sum", f"each of {multiple:,} orders with several rows is the sum of its lines")
    named = [name for name in evidence.amount_columns if is_order_amount(name)]
    different = multiple - repeated
    names = ", ".join(evidence.amount_columns)
    if named and repeated > different:
        return _assume(findings, "first", f"{named[0]} is the same on all rows of an order, {example}")
    if evidence.line_columns and different:
        columns = ", ".join(evidence.line_columns[:3])
        return _assume(findings, "sum", f"rows are lines of orders, as {columns} shows; {names} differs within orders")
    if not evidence.line_columns and not different and repeated >= _MIN_REPEATED:
        return _assume(findings, "first", f"rows of an order repeat it: {names} is the same on all of them, {example}")
    findings.ask(
        Question(
            "amount.group",
            f"Several rows have the same order number ({example}): are their amounts ({names}) parts of the order's, "
            "or does each row have the amount of the whole order?",
            "group.amount",
            (
                Choice("sum", "parts: the order's amount is the sum of its rows"),
                Choice("first", "the whole: the order's amount is that of its first row"),
            ),
            _OPTION,
        )
    )
    return "sum"


def check_numbers(con: Any, lines: str, column: str, findings: Findings) -> None:
    """Ask if order numbers begin again every day, as those of tills do: lines of one number days apart."""
    is_apart = f"FILTER (WHERE latest - earliest >= {_DAY_MS})"
    several, apart, first, second = con.execute(
        f"""
        SELECT count(*), count(*) {is_apart}, min(line) {is_apart}, max(last) {is_apart}
        FROM (SELECT min(occurred_at) AS earliest, max(occurred_at) AS latest, min(line) AS line, max(line) AS last
            FROM {lines} WHERE role = 'sale' AND order_id IS NOT NULL GROUP BY order_key, file HAVING count(*) > 1)"""
    ).fetchone()
    if apart < 2 or apart * 2 <= several:
        return
    findings.ask(
        Question(
            "order_id",
            f"{apart:,} numbers in {column} return on another day, such as in lines {first} and {second}: "
            "are these the same orders?",
            "group.by",
            (
                Choice('["order_id", "occurred_at"]', "no: an order is a number at a moment"),
                Choice('["order_id"]', "yes: all rows with a number are one order"),
            ),
            '[group] by = ["order_id", "occurred_at"] or by = ["order_id"] in a mapping file (--map)',
        )
    )


def _assume(findings: Findings, value: str, evidence: str) -> str:
    findings.assume("amount.group", value, evidence, "--group-amount")
    return value


def _fraction_of_smallest_unit(con: Any, lines: str, digits: int) -> str:
    """Return an amount of an order with several rows that has more digits than the currency; empty: there is none."""
    row = con.execute(
        f"""
        SELECT min(amount) FROM {lines} WHERE role = 'sale' AND amount <> round(amount, {digits}) AND order_key IN
            (SELECT order_key FROM {lines} WHERE role = 'sale' GROUP BY order_key, file HAVING count(*) > 1)"""
    ).fetchone()
    return "" if row[0] is None else str(row[0].normalize())


def _repetitions(con: Any, lines: SaleLines) -> tuple[int, int, str]:
    """Return how many orders have several amounts, on how many of them these are all equal, and an example.

    Orders whose lines contradict each other are left out, so they prove nothing.
    """
    ids = ", ".join(f"customer{number}" for number in range(1, lines.customers + 1))
    row = con.execute(
        f"""
        SELECT count(*), count(*) FILTER (WHERE low = high), min(first), min(second) FILTER (WHERE first = low_first)
        FROM (SELECT *, min(first) OVER () AS low_first FROM
            (SELECT min(amount) AS low, max(amount) AS high, min(line) AS first, max(line) AS second
            FROM {lines.name} WHERE role = 'sale' AND amount IS NOT NULL GROUP BY order_key, file HAVING count(*) > 1
            AND count(DISTINCT coalesce({ids}, NULL)) < 2 AND count(DISTINCT currency) < 2))"""
    ).fetchone()
    return row[0], row[1], f"lines {row[2]} and {row[3]}"


def resolve_negative_lines(con: Any, lines: str, amount: str, evidence: LineEvidence) -> None:
    """Decide the lines below zero: lines of an order, such as a discount, if a sale of it has the same moment.

    In files whose rows are not lines they are refunds, and so are those whose moment differs.
    """
    if amount == "sum" and (evidence.line_columns or evidence.are_parts):
        con.execute(
            f"""
            UPDATE {lines} SET role = 'sale' WHERE role = 'negative' AND (order_key, occurred_at) IN
                (SELECT order_key, occurred_at FROM {lines} WHERE role = 'sale' AND amount > 0 AND order_key IN
                    (SELECT order_key FROM {lines} WHERE role = 'negative'))"""
        )
    con.execute(f"UPDATE {lines} SET role = 'refund' WHERE role = 'negative'")


def state_unknown_pieces(con: Any, lines: str, column: str, findings: Findings) -> None:
    """Say which returned pieces are not read: those of orders whose rows repeat its amount, so none has a price."""
    orders, line = con.execute(
        f"""
        SELECT count(*), min(line) FROM (SELECT min(line) FILTER (returned_amount IS NOT NULL) AS line FROM {lines}
            WHERE role = 'sale' GROUP BY order_key HAVING count(*) > 1 AND count(returned_amount) > 0
                AND NOT bool_and(coalesce(returned_amount = amount, false)))"""
    ).fetchone()
    if orders:
        evidence = f"{orders:,} orders of several rows, which repeat the order's amount, from line {line} on"
        findings.assume("returns", f"without pieces in {column}", evidence, "--field refunded=")
