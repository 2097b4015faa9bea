# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""SQL for the amounts of a line: what was paid, deducted, refunded and returned."""

from typing import Final

from agents.importing.findings import Findings
from agents.importing.mapping.expression import columns_of
from agents.importing.mapping.mapping import Mapping
from agents.importing.rows.cell_sql import MONEY, CellSql, quoted
from agents.importing.rows.column_decisions import ColumnDecisions

MONEY_FIELDS: Final = (
    "amount",
    "rate",
    "refunded",
    "adjusted_amount",
    "ordered_amount",
    "converted_amount",
    "converted_refunded",
)
PIECES: Final = ("returned_quantity", "quantity")
_SHARE_DIGITS: Final = 6
"""Digits of a share of an amount, which is a float: finer than money, and exact for amounts up to 10^9."""


class LineAmounts:
    """Builds the columns of amounts.

    Args:
        sql: builds SQL for cells.
        mapping: with the columns that exist.
        decisions: how the columns of numbers are written.
        findings: receives what a discount is assumed to be.
    """

    def __init__(self, sql: CellSql, mapping: Mapping, decisions: ColumnDecisions, findings: Findings) -> None:
        self._sql = sql
        self._mapping = mapping
        self._decisions = decisions
        self._findings = findings

    def columns(self, kind: str) -> dict[str, str]:
        """Return the columns of amounts of rows whose kind is an SQL expression."""
        found = {}
        for field in MONEY_FIELDS:
            own, refund = self._mapping.fields.get(field), self._mapping.refund.get(field)
            sql = self._sql.money(field, own) if own else f"NULL::{MONEY}"
            if refund is not None:
                sql = f"CASE WHEN {kind} = 'refund' THEN {self._sql.money(field, refund)} ELSE {sql} END"
            found[field] = sql
        found["discount"] = self._discount(found["amount"])
        found["returned_amount"] = self._returned_amount(found["amount"])
        return found

    def _returned_amount(self, amount: str) -> str:
        """Return what the pieces of a line that came back have cost: their share of its amount."""
        fields = self._mapping.fields
        if "returned_quantity" not in fields:
            return f"NULL::{MONEY}"
        pieces, sold = (f"abs({self._sql.money(field, fields[field])})" for field in PIECES)
        message = quoted("returned_quantity must be at most quantity: got ")
        self._sql.errors.append(f"CASE WHEN {pieces} > coalesce({sold}, 0) THEN {message} || {pieces}::DOUBLE END")
        share = f"round({amount}::DOUBLE * {pieces}::DOUBLE / {sold}::DOUBLE, {_SHARE_DIGITS})"
        return f"CASE WHEN {pieces} = {sold} THEN {amount} WHEN {pieces} > 0 AND {sold} > 0 THEN {share}::{MONEY} END"

    def _discount(self, amount: str) -> str:
        """Return the sum deducted; a share is one of the amount, if a percent sign proves that it is a share."""
        expression = self._mapping.fields.get("discount")
        if expression is None:
            return f"NULL::{MONEY}"
        errors = len(self._sql.errors)
        sql = self._sql.money("discount", expression)
        del self._sql.errors[errors:]  # an order does not lose its amount because of what is written as its discount
        decisions = [self._decisions.number(self._sql.source.cell(name)) for name in columns_of(expression)]
        names = ", ".join(columns_of(expression))
        percent = next((decision.percent for decision in decisions if decision.percent), None)
        if percent is not None:
            evidence = f"line {percent.first_line}: {percent.text}"
            self._findings.assume("discount", f"share of the amount, in {names}", evidence, "--field discount=")
            return f"{amount} * TRY_CAST({sql} AS DECIMAL(19, 8))"
        row = self._sql.source.staging.con.execute(
            f"SELECT max(abs({sql})), min(abs({sql})) FILTER (WHERE {sql} <> 0) FROM {self._sql.source.from_sql} "
            f"{' '.join(self._sql.joins)}"
        ).fetchone()
        assert row is not None
        if row[0] is not None and 0 < row[0] < 1:
            evidence = f"all of {names} are between 0 and 1, the greatest is {row[0].normalize()}: rates, no sums"
            self._findings.assume("discount", "not used", evidence, "--field discount=")
            return f"NULL::{MONEY}"
        return f"abs({sql})"
