"""SQL for moments: dates, times and zones of the cells of a row source, in milliseconds."""

from collections.abc import Mapping
from typing import Final

from agents.importing.columns.column_value import CellError
from agents.importing.columns.dates.decision import date_parser
from agents.importing.columns.zones import read_zone, zone_of
from agents.importing.mapping.expression import Column, Expression, alternatives_of
from agents.importing.rows.cell_readers import part_reader
from agents.importing.rows.cell_sql import UNREADABLE_MOMENT, CellSql, names_of
from agents.importing.rows.column_decisions import ColumnDecisions
from agents.importing.rows.row_source import Cell, RowSource

_SEPARATOR: Final = "\x1f"


def moment_cell(source: RowSource, part: Expression) -> Cell:
    """Return the column, or the joined columns, that a moment is read from."""
    names = names_of(part)
    return source.cell(names[0]) if len(names) == 1 else source.joined_cells(names)


class MomentSql:
    """Builds SQL for moments.

    Args:
        cells: builds that of other values, and collects the joins and the errors.
        decisions: how the columns are written.
        zone: IANA name of moments without an offset whose column has no zone; empty: there are none, or it is in
            question.
        zones: abbreviations of zones with several meanings, in capitals, and their offsets.
    """

    def __init__(self, cells: CellSql, decisions: ColumnDecisions, zone: str, zones: Mapping[str, str]) -> None:
        self._cells = cells
        self._decisions = decisions
        self._zone = zone
        self._zones = zones

    def of(self, field: str, expression: Expression, zone: Expression | None) -> list[str]:
        """Return the moments that an expression offers, in milliseconds; the first filled one is meant.

        Args:
            field: whose error an unreadable cell is.
            expression: of the field.
            zone: of the field with the rows' time zones.
        """
        return [self._moment(field, part, zone) for part in alternatives_of(expression)]

    def _moment(self, field: str, part: Expression, zone: Expression | None) -> str:
        own_zone = part.zone if isinstance(part, Column) else ""
        cell = moment_cell(self._cells.source, part)
        decision = self._decisions.date(cell)
        if decision.format is None:
            return "NULL::BIGINT"
        parser = date_parser(decision.format)
        if zone is None or own_zone or decision.has_offset == "all":
            fixed = zone_of(own_zone or self._zone or "UTC")
            value = self._cells.mapped(cell, "BIGINT", lambda text: parser.moment_ms(text, fixed), "moment")
        else:
            names = [*names_of(part), *(name for each in alternatives_of(zone) for name in names_of(each))]
            both = self._cells.source.joined_cells(names, _SEPARATOR)
            extract = part_reader(zone.extract) if isinstance(zone, Column) and zone.extract else str
            default, zones = self._zone, self._zones
            count = len(names_of(part))

            def read(text: str) -> int:
                texts = text.split(_SEPARATOR)
                text_of_zone = extract(texts[count])
                named = (zones.get(text_of_zone.upper()) or read_zone(text_of_zone)) if text_of_zone else default
                if not named:
                    raise CellError("has no time zone")
                return parser.moment_ms(" ".join(filter(None, texts[:count])), zone_of(named))

            value, cell = self._cells.mapped(both, "BIGINT", read, "moment"), both
        self._cells.add_error(
            f"{value} = {UNREADABLE_MOMENT}", field, "must be a date and time", f"replace({cell.sql}, chr(31), ' ')"
        )
        return f"CASE WHEN {value} <> {UNREADABLE_MOMENT} THEN {value} END"
