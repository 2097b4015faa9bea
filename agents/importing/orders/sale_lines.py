# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""The table of lines: the rows of a file with the typed values of the fields that orders and refunds need."""

from collections.abc import Sequence
from typing import Final

import msgspec

from agents.importing.findings import Findings
from agents.importing.mapping.event_fields import CONSENT_FIELDS
from agents.importing.mapping.expression import Column, Expression, alternatives_of, columns_of, plain_columns_of
from agents.importing.mapping.mapping import Mapping
from agents.importing.orders.line_amounts import MONEY_FIELDS, PIECES, LineAmounts
from agents.importing.rows.cell_sql import CellSql, quoted
from agents.importing.rows.column_decisions import ColumnDecisions
from agents.importing.rows.line_currencies import LineCurrencies
from agents.importing.rows.moment_sql import MomentSql, moment_cell
from agents.importing.rows.moment_zones import choose_zone, decide_zone_names, needs_zone, zone_meanings
from agents.importing.rows.policy_info import PolicyInfo
from agents.importing.rows.row_meaning import (
    NO_NUMBER,
    SALE_KINDS,
    kind_sql,
    read_paid,
    read_returned,
    refund_number_sql,
    rule_sql,
    status_reader,
)
from agents.importing.rows.row_source import Cell, RowSource

TEXT_FIELDS: Final = ("event_id", "coupon", "channel", "store_id", "order_reference", "refund_amounts")
_MOMENT_FIELDS: Final = ("occurred_at", "refunded_at")
_ROLE: Final = """
CASE WHEN reason IS NOT NULL THEN 'out' WHEN kind IN ('refund', 'cancel') THEN kind
    WHEN amount < 0 THEN 'negative' ELSE 'sale' END"""
CONSENT_COLUMNS: Final = tuple(field.replace(".", "_") for field in CONSENT_FIELDS)


class SaleLines(msgspec.Struct, frozen=True):
    """A table with one row for each row of a file.

    Its columns: `position`, `line`, `file`; `kind`; `reason` why the row is left out, `order_reason` why its whole
    order is, `error` of a cell; `order_id`, or `order_number` if orders are grouped by more than it; `refund_id`;
    `customer1` …, the customer's possible ids, and `moment1` …, the possible moments, of each the first filled one is
    meant; `occurred_at`; amounts, with `returned_amount` of pieces that came back; texts; consents.

    Attributes:
        name: of the table.
        customers: number of possible ids.
        moments: number of possible moments.
        default_currency: of lines without one.
        common_currency: the only one that sums in several are converted to; empty: none.
        filled: columns that come from the file; the others are NULL.
    """

    name: str
    customers: int
    moments: int
    default_currency: str
    common_currency: str
    filled: frozenset[str]


class SaleLinesBuilder:
    """Builds the table of lines.

    Args:
        source: the rows.
        mapping: with the columns that exist.
        policy: for the currency and the time zone.
        findings: receives assumptions and questions.
    """

    def __init__(self, source: RowSource, mapping: Mapping, policy: PolicyInfo, findings: Findings) -> None:
        self._source = source
        self._mapping = mapping
        self._policy = policy
        self._findings = findings
        self._decisions = ColumnDecisions(source.staging, mapping, findings)
        self._decide()
        self._currencies = LineCurrencies(source, mapping, policy, self._decisions, findings)
        given = mapping.timezone or policy.timezone or ""
        dates = (self._decisions.date(cell) for _, cell in self._moment_cells())
        decide_zone_names(dates, given, self._currencies.codes(), findings)
        zones = zone_meanings(source, mapping, policy, self._currencies.codes(), findings)
        self._sql = CellSql(source, self._decisions)
        self._moments = MomentSql(self._sql, self._decisions, self._zone(), zones)

    def _decide(self) -> None:
        """Decide how all columns of numbers and moments are written."""
        numbers = [*MONEY_FIELDS, "discount", *(PIECES if "returned_quantity" in self._mapping.fields else ())]
        self._decisions.decide_numbers(
            [
                (field, self._source.cell(column))
                for fields in (self._mapping.fields, self._mapping.refund)
                for field in numbers
                if field in fields
                for column in plain_columns_of(fields[field])
            ]
        )
        self._decisions.decide_dates(self._moment_cells())

    def _moment_cells(self) -> list[tuple[str, Cell]]:
        """Return the columns of moments, each with its field."""
        return [
            (field, moment_cell(self._source, part))
            for fields in (self._mapping.fields, self._mapping.refund)
            for field in _MOMENT_FIELDS
            if field in fields
            for part in alternatives_of(fields[field])
        ]

    def _zone(self) -> str:
        """Return the zone of moments without an offset; ask for it if there are any and nothing tells it."""
        needed = [
            part
            for field in _MOMENT_FIELDS
            if field in self._mapping.fields
            for part in alternatives_of(self._mapping.fields[field])
            if not (isinstance(part, Column) and part.zone)
            and needs_zone(self._decisions.date(moment_cell(self._source, part)))
        ]
        if not needed or "zone" in self._mapping.fields:
            return self._mapping.timezone or self._policy.timezone or ""
        column = ", ".join(name for part in needed for name in columns_of(part))
        return choose_zone(self._mapping, self._policy, self._findings, column)

    def build(self, name: str, other_kinds: Sequence[str] = ()) -> SaleLines:
        """Create the table and return what it has.

        Args:
            name: of the table.
            other_kinds: kinds of rows that become events elsewhere and are not in the table.
        """
        fields = self._mapping.fields
        kind = self._kind()
        customers = self._identifiers()
        if "occurred_at" in fields:
            moments = self._moments.of("occurred_at", fields["occurred_at"], fields.get("zone"))
        else:
            moments = [f"{self._mapping.constants['occurred_at']}::BIGINT"]
        columns = {
            "position": self._source.position_sql,
            "line": "b.line",
            "file": "b.file",
            "kind": kind,
            "reason": self._reasons(kind, whole_order=False),
            "order_reason": self._reasons(kind, whole_order=True),
            "order_id": self._id("order_id", kind) if self._has_numbers() else "NULL::VARCHAR",
            "order_number": "NULL::VARCHAR" if self._has_numbers() else self._id("order_id", kind),
            "refund_id": self._id("refund_id", kind),
            **{f"customer{number}": each for number, each in enumerate(customers, 1)},
            **{f"moment{number}": each for number, each in enumerate(moments, 1)},
            **LineAmounts(self._sql, self._mapping, self._decisions, self._findings).columns(kind),
            "refunded_at": self._refunded_at(),
            "currency": self._currencies.sql(self._sql),
            "converted_currency": self._currencies.column_sql(self._sql, "converted_currency"),
            "status": self._status(),
            "is_test": self._flag("test"),
            "is_returned": self._returned(),
            **{field: self._text(field) for field in TEXT_FIELDS},
            **{field.replace(".", "_"): self._flag(field) for field in CONSENT_FIELDS},
        }
        columns["error"] = f"coalesce({', '.join(self._sql.errors)}, NULL)" if self._sql.errors else "NULL::VARCHAR"
        selected = ", ".join(f"{sql} AS {column}" for column, sql in columns.items())
        occurred = ", ".join(f"moment{number}" for number in range(1, len(moments) + 1))
        self._source.staging.con.execute(
            f"""
            CREATE OR REPLACE TABLE {name} AS SELECT *, {self._key(len(customers))} AS order_key, {_ROLE} AS role
            FROM (SELECT * REPLACE ({self._row_reason()} AS reason), coalesce({occurred}, NULL) AS occurred_at
                FROM (SELECT {selected} FROM {self._source.from_sql} {" ".join(self._sql.joins)}))
            WHERE kind NOT IN ({", ".join(map(quoted, ("-", *other_kinds)))})"""
        )
        filled = frozenset(column for column, sql in columns.items() if not sql.startswith("NULL::"))
        currencies = self._currencies
        return SaleLines(name, len(customers), len(moments), currencies.default, currencies.common(), filled)

    def _row_reason(self) -> str:
        """Return why a row is left out, once its cells are read."""
        outgoing = "WHEN kind = 'purchase' AND amount < 0 THEN 'not_a_sale'" if self._mapping.negative == "skip" else ""
        return f"CASE WHEN reason IS NOT NULL THEN reason WHEN kind = '' THEN 'unreadable' {outgoing} END"

    def _has_numbers(self) -> bool:
        """Whether an order is known by its number alone; otherwise its id comes from its contents."""
        return self._mapping.group.by in ((), ("order_id",))

    def _key(self, customers: int) -> str:
        """Return what the lines of an order have in common."""
        alone = "chr(31) || position"
        if self._has_numbers():
            return f"coalesce(order_id, {alone})"
        ids = ", ".join(f"customer{number}" for number in range(1, customers + 1))
        parts = {
            "customer_id": f"coalesce({ids}, NULL)",
            "occurred_at": "occurred_at::VARCHAR",
            "order_id": "order_number",
        }
        named = [parts[field] for field in self._mapping.group.by]
        filled = " AND ".join(f"{part} IS NOT NULL" for part in named)
        return f"CASE WHEN {filled} THEN concat_ws(chr(31), {', '.join(named)}) ELSE {alone} END"

    def _kind(self) -> str:
        default = self._mapping.kind if self._mapping.kind in SALE_KINDS else "purchase"
        return kind_sql(self._sql, self._mapping, default)

    def _reasons(self, kind: str, *, whole_order: bool) -> str:
        cases = [] if whole_order else [f"WHEN {kind} NOT IN ('purchase', 'refund', 'cancel', '') THEN 'not_a_sale'"]
        for rule in self._mapping.rules:
            cell = self._source.find(rule.column)
            if cell is not None and rule.whole_order == whole_order:
                cases.append(f"WHEN {rule_sql(self._sql, rule, cell)} THEN {quoted(rule.reason)}")
        return f"CASE {' '.join(cases)} END" if cases else "NULL::VARCHAR"

    def _identifiers(self) -> list[str]:
        order = ("customer_id", "email") if self._is_by_id() else ("email", "customer_id")
        found: list[str] = []
        for field in order:
            own = self._own_identifiers(field, self._mapping.fields)
            refund = self._own_identifiers(field, self._mapping.refund)
            if refund:
                own = own or ["NULL"]
                found += [f"CASE WHEN {self._kind()} = 'refund' THEN {refund[0]} ELSE {own[0]} END", *own[1:]]
            else:
                found += own
        return found or ["NULL::VARCHAR"]

    def _own_identifiers(self, field: str, fields: dict[str, Expression]) -> list[str]:
        return self._sql.identifiers(fields[field], self._mapping.guests) if field in fields else []

    def _is_by_id(self) -> bool:
        return self._mapping.identify is not None and self._mapping.identify.by == "id"

    def _id(self, field: str, kind: str) -> str:
        own, refund = self._mapping.fields.get(field), self._mapping.refund.get(field)
        missing = NO_NUMBER if field == "refund_id" else ("(not set)", "null", "none", "n/a", "nan")
        own_sql = f"coalesce({', '.join(self._sql.identifiers(own, missing))})" if own else "NULL::VARCHAR"
        if refund is None:
            return own_sql
        refund_sql = f"coalesce({', '.join(self._sql.identifiers(refund, missing))})"
        return f"CASE WHEN {kind} = 'refund' THEN {refund_sql} ELSE {own_sql} END"

    def _refunded_at(self) -> str:
        field = self._mapping.fields.get("refunded_at")
        if field is None:
            return "NULL::BIGINT"
        return f"coalesce({', '.join(self._moments.of('refunded_at', field, self._mapping.fields.get('zone')))})"

    def _status(self) -> str:
        """Return `counts`, `skip`, `unpaid`, `refunded`, or `other`; NULL for an empty status."""
        field, payment = self._mapping.fields.get("status"), self._mapping.fields.get("paid")
        own = self._sql.word(field, status_reader(self._mapping), "status") if field else "NULL::VARCHAR"
        if payment is None:
            return own
        paid = self._sql.word(payment, read_paid, "paid")
        return (
            f"CASE WHEN {own} = 'skip' THEN 'skip' WHEN {paid} = 'skip' THEN 'unpaid' "
            f"WHEN {paid} = 'refunded' THEN 'refunded' ELSE {own} END"
        )

    def _flag(self, field: str) -> str:
        expression = self._mapping.fields.get(field)
        constant = self._mapping.constants.get(field)
        if expression is not None:
            return self._sql.flag(expression)
        return f"{constant}::BOOLEAN" if constant in ("true", "false") else "NULL::BOOLEAN"

    def _returned(self) -> str:
        """Return whether a row says that what it sold came back."""
        if number := refund_number_sql(self._sql, self._mapping, "orders"):
            return f"({number} IS NOT NULL)"
        field = self._mapping.fields.get("returned")
        return self._sql.flag(field, read_returned, "returned") if field else "NULL::BOOLEAN"

    def _text(self, field: str) -> str:
        if field == "refund_amounts":
            refunded = self._mapping.fields.get("refunded")
            return self._sql.refund_amounts(refunded) if refunded else "NULL::VARCHAR"
        expression = self._mapping.fields.get(field)
        constant = self._mapping.constants.get(field)
        own = self._sql.text(expression) if expression else "NULL::VARCHAR"
        return f"coalesce({own}, {quoted(constant)})" if constant else own
