# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Make the tables of the events of one form of file, and count what is left out of them."""

from pathlib import Path
from typing import Final

import msgspec

from agents.importing.columns.column_value import CellError, ColumnValue
from agents.importing.columns.dates.decision import decide_dates, moment_ms
from agents.importing.columns.zones import zone_of
from agents.importing.events.customer_ids import IdPrefixes
from agents.importing.events.refusals import check_ids
from agents.importing.events.row_events import RowEvents, RowMeaning, create_row_events
from agents.importing.events.sales import Sales
from agents.importing.fields.form_fields import FormFields
from agents.importing.findings import ImportRefused, LeftOut
from agents.importing.mapping.event_fields import CONSENT_FIELDS, FieldType, type_of
from agents.importing.mapping.expression import Arithmetic, Column, Expression, alternatives_of, columns_of, describe
from agents.importing.mapping.mapping import Mapping
from agents.importing.mapping.name_recognition import ColumnNames
from agents.importing.orders.left_out_rows import add_left_out
from agents.importing.orders.line_copies import leave_out_copies
from agents.importing.orders.line_roles import (
    LineEvidence,
    check_numbers,
    decide_amount,
    resolve_negative_lines,
)
from agents.importing.orders.order_tables import OrderRules, create_orders
from agents.importing.orders.refund_tables import create_refunds
from agents.importing.orders.sale_lines import SaleLines, SaleLinesBuilder
from agents.importing.platforms.catalog import GENERIC
from agents.importing.rows.cell_sql import CellSql
from agents.importing.rows.column_decisions import ColumnDecisions, Findings
from agents.importing.rows.moment_zones import choose_zone, needs_zone
from agents.importing.rows.policy_info import PolicyInfo
from agents.importing.rows.row_meaning import kind_sql
from agents.importing.rows.row_source import RowSource
from agents.importing.rows.status_words import split_statuses, state_statuses
from state.units.currencies import DIGITS
from state.units.timestamps import format_ms

_MILLISECONDS: Final = 1_000
_USUAL_DIGITS: Final = 2


class FormReader:
    """Reads one form of file.

    Args:
        number: of the form, for the names of its tables.
        source: its rows.
        fields: what they are.
        policy: for currency and time zone.
        findings: receives assumptions and questions.
        latest_ms: the latest admissible moment; None: there is none.
        prefixes: of ids.

    Attributes:
        mapping: what was used.
        sales: the orders and refunds; None: there are none.
        rows: the events of one row each; None: there are none.
    """

    def __init__(
        self,
        number: int,
        source: RowSource,
        fields: FormFields,
        policy: PolicyInfo,
        findings: Findings,
        latest_ms: int | None,
        prefixes: IdPrefixes,
    ) -> None:
        self._source = source
        self._fields = fields
        self._policy = policy
        self._findings = findings
        self._latest_ms = latest_ms
        self._prefixes = prefixes
        self._con = source.staging.con
        self._lines_name, self._orders_name = f"lines{number}", f"orders{number}"
        self._refunds_name, self._rows_name = f"orders{number}_refunds", f"rows{number}"
        self._lines: SaleLines | None = None
        self.mapping = fields.mapping
        self.sales: Sales | None = None
        self.rows: RowEvents | None = None
        self._builder: SaleLinesBuilder | None = None

    def decide(self) -> None:
        """Decide how the columns are written; whatever remains in question is asked."""
        if self._fields.has_sales:
            self._builder = SaleLinesBuilder(self._source, self._constant_moment(), self._policy, self._findings)
        if self._fields.row_kinds:
            self._decide_rows()

    def build(self) -> None:
        """Make the tables; questions that come up leave them unusable."""
        if self._builder is not None:
            self._build_sales(self._builder)
        if self._fields.row_kinds:
            self._build_rows()

    def add_left_out(self, left_out: LeftOut) -> None:
        """Count the rows and orders that are left out."""
        if self.sales is not None:
            error = "CASE WHEN reason = 'unreadable' THEN error END"
            add_left_out(self._con, self._lines_name, left_out, condition="role = 'out'", detail=error)
            self._describe_contradiction()
            add_left_out(self._con, self._orders_name, left_out)
            add_left_out(self._con, self._refunds_name, left_out)
            self._add_unmatched(left_out)
        if self.rows is not None:
            add_left_out(self._con, self._rows_name, left_out)

    def _describe_contradiction(self) -> None:
        """Say what the lines of the first contradictory order have."""
        found = self._con.execute(
            f"SELECT order_key, detail FROM {self._orders_name} WHERE reason = 'contradictory' "
            "AND detail IN ('customer', 'currency', 'amount') ORDER BY position LIMIT 1"
        ).fetchone()
        if found is None:
            return
        key, what = found
        assert self._lines is not None
        ids = ", ".join(f"customer{number}" for number in range(1, self._lines.customers + 1))
        cell = f"coalesce({ids}, NULL)" if what == "customer" else what
        values = self._con.execute(
            f"SELECT DISTINCT {cell}::VARCHAR FROM {self._lines_name} "
            f"WHERE order_key = ? AND role <> 'out' AND {cell} IS NOT NULL ORDER BY 1 LIMIT 3",
            [key],
        ).fetchall()
        detail = f"the rows of order {key} differ in {what}: {', '.join(value for (value,) in values)}"
        self._con.execute(f"UPDATE {self._orders_name} SET detail = ? WHERE order_key = ?", [detail, key])

    def _add_unmatched(self, left_out: LeftOut) -> None:
        """Count the rows of joined files, such as payments, whose order is not in the main file."""
        for table, join in self._source.joined:
            if join.many:
                view = f"{self._lines_name}_unmatched"
                condition = self._source.condition_of(table)
                self._con.execute(
                    f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT line, line AS position, 'no_order' AS reason "
                    f"FROM {table.name} AS j ANTI JOIN {self._source.main.name} AS b ON {condition}"
                )
                add_left_out(self._con, view, left_out, detail="''")

    def state_results(self) -> None:
        """Say what only the finished tables show: rounded amounts, and refunds of more than was paid."""
        if self.sales is None:
            return
        rounded = self._con.execute(
            f"SELECT count(*), min(line) FROM {self._orders_name} WHERE reason IS NULL AND lost <> 0"
        ).fetchone()
        assert rounded is not None
        if rounded[0]:
            evidence = f"{rounded[0]:,} amounts have more digits than their currency, such as line {rounded[1]}"
            self._findings.assume("amount.rounding", "half to even, after summing", evidence)
        excess = self._con.execute(
            f"SELECT count(*), min(line) FROM {self._refunds_name} WHERE reason IS NULL AND counted_minor < minor"
        ).fetchone()
        assert excess is not None
        if excess[0]:
            evidence = f"{excess[0]:,} refunds are greater than what was paid and not refunded before, line {excess[1]}"
            self._findings.assume("refunds", "counted up to the amount of their order", evidence)

    def _build_sales(self, builder: SaleLinesBuilder) -> None:
        self._lines = lines = builder.build(self._lines_name, self._fields.row_kinds)
        check_ids(self._con, lines.name, lines.customers)
        amount = self.mapping.fields.get("amount")
        evidence = LineEvidence(
            ColumnNames(self._source.names).has_lines(),
            list(columns_of(amount)) if amount else [],
            self._are_parts(amount),
        )
        digits = DIGITS.get(lines.default_currency, _USUAL_DIGITS)
        mode = decide_amount(self._con, lines, self.mapping, evidence, self._findings, digits)
        number = self.mapping.fields.get("order_id")
        if number is not None and not self.mapping.group.by and self.mapping.platform == GENERIC:
            check_numbers(self._con, lines.name, describe(number), self._findings)
        if self._findings.questions:
            return
        resolve_negative_lines(self._con, lines.name, mode, evidence)
        state_statuses(self._source, self.mapping, self._findings)
        if mode == "sum" and "status" in lines.filled:
            split_statuses(self._con, lines.name, self._findings)
        if len(self._source.main.paths) > 1:
            leave_out_copies(self._con, lines.name, mode, lines.customers)
        is_grouped, has_unnumbered = self._shape(lines)
        rules = OrderRules(
            amount=mode,
            base_currency=self._policy.currency or lines.common_currency,
            default_currency=lines.default_currency,
            latest_ms=self._latest_ms,
            skips_other_statuses=self.mapping.statuses.other == "skip",
            is_grouped=is_grouped,
            has_unnumbered=has_unnumbered,
            max_id=self._prefixes.longest(),
        )
        create_orders(self._con, self._orders_name, lines, self.mapping, rules)
        create_refunds(self._con, self._refunds_name, self._orders_name, lines, self.mapping, rules)
        consents = tuple(
            field.replace(".", "_")
            for field in CONSENT_FIELDS
            if field in self.mapping.fields or field in self.mapping.constants
        )
        self.sales = Sales(self._source.staging, self._orders_name, self._prefixes, consents)
        group = msgspec.structs.replace(self.mapping.group, amount=mode)
        self.mapping = msgspec.structs.replace(
            self.mapping, group=group, currency=lines.default_currency if self.mapping.currency else ""
        )

    def _are_parts(self, amount: Expression | None) -> bool:
        """Whether amounts are certainly parts of orders: quantity times price, or rows of a file that is joined."""
        if amount is None:
            return False
        if any(isinstance(part, Arithmetic) and part.operation == "multiply" for part in alternatives_of(amount)):
            return True
        many = {table.name for table, join in self._source.joined if join.many}
        return any(self._source.cell(name).table.name in many for name in columns_of(amount))

    def _shape(self, lines: SaleLines) -> tuple[bool, bool]:
        """Return whether there are orders of several lines, and whether there are orders without a number."""
        row = self._con.execute(
            f"SELECT count(*) > count(DISTINCT order_key), count(*) > count(order_id) FROM {lines.name} "
            "WHERE role = 'sale'"
        ).fetchone()
        assert row is not None
        return bool(row[0]), bool(row[1])

    def _constant_moment(self) -> Mapping:
        """Return the mapping with a moment for all rows in milliseconds, if it has one."""
        text = self.mapping.constants.get("occurred_at")
        if text is None or "occurred_at" in self.mapping.fields:
            return self.mapping
        decision = decide_dates([ColumnValue(text, 1, 0)], "occurred_at", time_format=self.mapping.time_format or None)
        if decision.format is None:
            raise ImportRefused(f"set.occurred_at can be two dates: got {text!r}; write it as 2025-05-12")
        zone = "UTC"
        if decision.has_offset == "none":
            zone = choose_zone(self.mapping, self._policy, self._findings, "set.occurred_at") or "UTC"
        try:
            moment = moment_ms(text, decision.format, zone_of(zone))
        except CellError as error:
            raise ImportRefused(f"set.occurred_at {error}") from None
        constants = self.mapping.constants | {"occurred_at": str(moment)}
        return msgspec.structs.replace(self.mapping, constants=constants)

    def _decide_rows(self) -> None:
        fields = self.mapping.fields
        forced = "." if self._fields.is_own else self.mapping.decimal
        mapping = msgspec.structs.replace(self.mapping, decimal=forced)
        self._decisions = ColumnDecisions(self._source.staging, mapping, self._findings)
        self._decisions.decide_numbers(
            [
                (field, self._source.cell(name))
                for field, expression in fields.items()
                if type_of(field) is FieldType.MONEY
                for name in columns_of(expression)
            ]
        )
        self._zone = ""
        if "occurred_at" in fields:
            cells = CellSql(self._source, self._decisions, "")
            parts = alternatives_of(fields["occurred_at"])
            self._decisions.decide_dates([("occurred_at", cells.moment_cell(part)) for part in parts])
            needed = [
                part
                for part in parts
                if not (isinstance(part, Column) and part.zone)
                and needs_zone(self._decisions.date(cells.moment_cell(part)))
            ]
            if needed:
                names = ", ".join(name for part in needed for name in columns_of(part))
                self._zone = choose_zone(self.mapping, self._policy, self._findings, names)

    def _build_rows(self) -> None:
        cells = CellSql(self._source, self._decisions, self._zone)
        fields = self.mapping.fields
        if "occurred_at" in fields:
            occurred = f"coalesce({', '.join(cells.moments('occurred_at', fields['occurred_at'], None))}, NULL)"
        else:
            occurred = str(self._rows_moment())
        currency = self.mapping.currency or self._policy.currency or ""
        kind = kind_sql(cells, self.mapping, self._fields.row_kinds[0])
        meaning = RowMeaning(self._fields.row_kinds, kind, occurred, currency)
        create_row_events(cells, self._source.staging, self._rows_name, self.mapping, meaning)
        self.rows = RowEvents(self._source.staging, self._rows_name, self._prefixes, currency)

    def _rows_moment(self) -> int:
        """Return the moment of rows without one: that of the mapping, otherwise the date of the file.

        An export of customers says what is true at its date.
        """
        mapping = self._constant_moment()
        if "occurred_at" in mapping.constants:
            return int(mapping.constants["occurred_at"])
        moment = int(max(Path(path).stat().st_mtime for path in self._source.main.paths)) * _MILLISECONDS
        shown = format_ms(moment)
        evidence = "no column has a date, so what the file says is taken to be true since the file was written"
        self._findings.assume("occurred_at", shown, evidence, "[set] occurred_at in a mapping file (--map)")
        return moment
