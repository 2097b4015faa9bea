"""Make the table of the events of one row each of a form of file."""

from pathlib import Path
from typing import Final

import msgspec

from agents.importing.events.customer_ids import IdPrefixes
from agents.importing.events.row_events import RowEvents, RowMeaning, create_row_events
from agents.importing.fields.form_fields import FormFields
from agents.importing.findings import Findings
from agents.importing.mapping.event_fields import FieldType, type_of
from agents.importing.mapping.expression import Column, alternatives_of, columns_of
from agents.importing.rows.cell_sql import CellSql
from agents.importing.rows.column_decisions import ColumnDecisions
from agents.importing.rows.moment_sql import MomentSql, moment_cell
from agents.importing.rows.moment_zones import choose_zone, decide_zone_names, needs_zone, with_constant_moment
from agents.importing.rows.policy_info import PolicyInfo
from agents.importing.rows.row_meaning import kind_sql
from agents.importing.rows.row_source import RowSource
from state.units.timestamps import format_ms

_MILLISECONDS: Final = 1_000


class RowForm:
    """Decides how the columns of these events are written, and builds their table.

    Args:
        source: the rows.
        fields: what they are.
        policy: for currency and time zone.
        findings: receives assumptions and questions.
    """

    def __init__(self, source: RowSource, fields: FormFields, policy: PolicyInfo, findings: Findings) -> None:
        self._source = source
        self._fields = fields
        self._mapping = fields.mapping
        self._policy = policy
        self._findings = findings
        forced = "." if fields.is_own else self._mapping.decimal
        mapping = msgspec.structs.replace(self._mapping, decimal=forced)
        self._decisions = ColumnDecisions(source.staging, mapping, findings)
        self._decisions.decide_numbers(
            [
                (field, source.cell(name))
                for field, expression in mapping.fields.items()
                if type_of(field) is FieldType.MONEY
                for name in columns_of(expression)
            ]
        )
        self._zone = self._decide_moments()

    def _decide_moments(self) -> str:
        """Decide how moments are written, and return the zone of those without an offset; empty: none is needed."""
        occurred = self._mapping.fields.get("occurred_at")
        if occurred is None:
            return ""
        parts = alternatives_of(occurred)
        self._decisions.decide_dates([("occurred_at", moment_cell(self._source, part)) for part in parts])
        given = self._mapping.timezone or self._policy.timezone or ""
        money = {self._mapping.currency or self._policy.currency or ""} - {""}
        decide_zone_names(
            (self._decisions.date(moment_cell(self._source, part)) for part in parts), given, money, self._findings
        )
        needed = [
            part
            for part in parts
            if not (isinstance(part, Column) and part.zone)
            and needs_zone(self._decisions.date(moment_cell(self._source, part)))
        ]
        if not needed:
            return ""
        names = ", ".join(name for part in needed for name in columns_of(part))
        return choose_zone(self._mapping, self._policy, self._findings, names)

    def build(self, name: str, prefixes: IdPrefixes) -> RowEvents:
        """Create the table and return its events.

        Args:
            name: of the table.
            prefixes: of ids.
        """
        cells = CellSql(self._source, self._decisions)
        fields = self._mapping.fields
        if "occurred_at" in fields:
            moments = MomentSql(cells, self._decisions, self._zone, {}).of("occurred_at", fields["occurred_at"], None)
            occurred = f"coalesce({', '.join(moments)}, NULL)"
        else:
            occurred = str(self._moment_of_all())
        currency = self._mapping.currency or self._policy.currency or ""
        kind = kind_sql(cells, self._mapping, self._fields.row_kinds[0])
        meaning = RowMeaning(self._fields.row_kinds, kind, occurred, currency)
        create_row_events(cells, self._source.staging, name, self._mapping, meaning)
        return RowEvents(self._source.staging, name, prefixes, currency)

    def _moment_of_all(self) -> int:
        """Return the moment of rows without one: that of the mapping, otherwise the date of the file.

        An export of customers says what is true at its date.
        """
        mapping = with_constant_moment(self._mapping, self._policy, self._findings)
        if "occurred_at" in mapping.constants:
            return int(mapping.constants["occurred_at"])
        moment = int(max(Path(path).stat().st_mtime for path in self._source.main.paths)) * _MILLISECONDS
        shown = format_ms(moment)
        evidence = "no column has a date, so what the file says is taken to be true since the file was written"
        self._findings.assume("occurred_at", shown, evidence, "[set] occurred_at in a mapping file (--map)")
        return moment
