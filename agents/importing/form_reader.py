# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Make the tables of the events of one form of file, and count what is left out of them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from agents.importing.events.customer_ids import IdPrefixes
from agents.importing.events.refusals import check_ids
from agents.importing.events.sales import Sales
from agents.importing.fields.form_fields import FormFields
from agents.importing.fields.likely_columns import scale_of
from agents.importing.findings import Findings, LeftOut
from agents.importing.mapping.event_fields import CONSENT_FIELDS
from agents.importing.mapping.expression import (
    Arithmetic,
    Column,
    Expression,
    alternatives_of,
    columns_of,
    describe,
)
from agents.importing.mapping.name_recognition import ColumnNames
from agents.importing.orders.left_out_rows import add_left_out, add_unmatched, describe_contradiction
from agents.importing.orders.line_copies import leave_out_copies
from agents.importing.orders.line_roles import (
    LineEvidence,
    check_continued_orders,
    check_numbers,
    decide_amount,
    resolve_negative_lines,
    state_unknown_pieces,
)
from agents.importing.orders.order_tables import OrderRules, create_orders
from agents.importing.orders.refund_tables import create_refunds
from agents.importing.orders.sale_lines import SaleLines, SaleLinesBuilder
from agents.importing.platforms.catalog import GENERIC
from agents.importing.row_form import RowForm
from agents.importing.rows.moment_zones import with_constant_moment
from agents.importing.rows.policy_info import PolicyInfo
from agents.importing.rows.row_source import RowSource
from agents.importing.rows.status_words import split_statuses, state_statuses
from state.units.currencies import DIGITS

if TYPE_CHECKING:
    from agents.importing.events.row_events import RowEvents

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
        self._rows_form: RowForm | None = None

    def decide(self) -> None:
        """Decide how the columns are written; whatever remains in question is asked."""
        if self._fields.has_sales:
            mapping = with_constant_moment(self.mapping, self._policy, self._findings)
            self._builder = SaleLinesBuilder(self._source, mapping, self._policy, self._findings)
        if self._fields.row_kinds:
            self._rows_form = RowForm(self._source, self._fields, self._policy, self._findings)

    def build(self) -> None:
        """Make the tables; questions that come up leave them unusable."""
        if self._builder is not None:
            self._build_sales(self._builder)
        if self._rows_form is not None:
            self.rows = self._rows_form.build(self._rows_name, self._prefixes)

    @property
    def source(self) -> RowSource:
        """The rows of the form."""
        return self._source

    def unread_rows(self, errors: Sequence[tuple[int, str]]) -> dict[int, str]:
        """Return the positions of all rows of what cannot be read or contradicts itself, with the reasons.

        Args:
            errors: line and message of events that would be rejected; used where the form has one file.
        """
        found: dict[int, str] = {}
        if len(self._source.main.paths) == 1:
            found = {self._source.main_position(line): message for line, message in errors}
        tables = []
        if self.sales is not None:
            lines, orders, refunds = self._lines_name, self._orders_name, self._refunds_name
            tables = [
                f"SELECT position, reason, error AS detail FROM {lines} WHERE role = 'out'",
                f"SELECT l.position, o.reason, o.detail FROM {orders} o JOIN {lines} l USING (order_key)",
                f"SELECT l.position, r.reason, r.detail FROM {refunds} r JOIN {lines} l USING (file, line)",
            ]
        if self.rows is not None:
            tables.append(f"SELECT position, reason, detail FROM {self._rows_name}")
        for table in tables:
            rows = self._con.execute(
                f"SELECT position, coalesce(nullif(detail, ''), reason) FROM ({table}) "
                "WHERE reason IN ('unreadable', 'contradictory')"
            ).fetchall()
            found.update((position, " ".join(detail.split())) for position, detail in rows if position not in found)
        return found

    def add_left_out(self, left_out: LeftOut) -> None:
        """Count the rows and orders that are left out."""
        if self.sales is not None:
            error = "CASE WHEN reason IN ('unreadable', 'contradictory') THEN error END"
            add_left_out(self._con, self._lines_name, left_out, condition="role = 'out'", detail=error)
            assert self._lines is not None
            describe_contradiction(self._con, self._lines.name, self._orders_name, self._lines.customers)
            add_left_out(self._con, self._orders_name, left_out)
            add_left_out(self._con, self._refunds_name, left_out)
            add_unmatched(self._source, left_out)
        if self.rows is not None:
            add_left_out(self._con, self._rows_name, left_out)

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
        self._state_units(amount)
        evidence = LineEvidence(
            ColumnNames(self._source.names).has_lines(),
            list(columns_of(amount)) if amount else [],
            self._are_parts(amount),
        )
        if "order_id" in self.mapping.fields:
            check_continued_orders(self._con, lines, self._source, evidence.line_columns)
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
            are_lines = bool(evidence.line_columns or evidence.are_parts)
            leave_out_copies(self._con, lines, mode, self._findings, are_lines=are_lines)
        is_grouped, has_unnumbered = self._shape(lines)
        if mode == "first" and is_grouped and "returned_amount" in lines.filled:
            pieces = describe(self.mapping.fields["returned_quantity"])
            state_unknown_pieces(self._con, lines.name, pieces, self._findings)
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

    def _state_units(self, amount: Expression | None) -> None:
        """State that amounts are taken as they are, although the name of their column says cents or thousands."""
        for part in alternatives_of(amount) if amount else ():
            if isinstance(part, Column) and part.divide == 1 and scale_of(part.name):
                evidence = f"but its name says {scale_of(part.name)}; if it is so, a mapping file can divide it"
                self._findings.assume("amount.unit", f"{part.name} in whole units of the currency", evidence, "--map")

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
