"""Which columns of a file the fields of its mapping are: those that exist and are not empty."""

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from agents.importing.findings import ImportRefused
from agents.importing.mapping.expression import Arithmetic, Column, Expression, FirstFilled, Joined, columns_of
from agents.importing.rows.row_source import RowSource
from state.config.config_errors import suggest_name

_MUST_BE_FILLED: Final = ("customer_id", "email", "order_id", "amount", "occurred_at", "unit_price", "quantity")


def check_mapped_columns(section: str, fields: Mapping[str, Expression], source: RowSource) -> dict[str, Expression]:
    """Return the fields that a mapping file names; each of their columns must exist, under exactly this name.

    Raises:
        ImportRefused: one does not, or no row has a value in any column of a field that orders need.
    """
    for field, expression in fields.items():
        names = list(columns_of(expression))
        for name in names:
            if source.find(name, exact=True) is None:
                files = ", ".join(path.name for path in source.main.paths)
                remedy = suggest_name(name, source.names)
                raise ImportRefused(f"{section}.{field}: no row of {files} has a column {name!r}; {remedy}")
        if field in _MUST_BE_FILLED and not any(source.filled(name) for name in names):
            columns = " or ".join(map(repr, names))
            raise ImportRefused(f"{section}.{field}: no row has a value in {columns}; name a column that is filled")
    return dict(fields)


def existing(expression: Expression, source: RowSource) -> Expression | None:
    """Return an expression of a platform without the columns that a file does not have; None: it has none of them.

    Of several alternatives, those whose column is empty are left out too, unless all are.
    """
    match expression:
        case Column(name):
            found = source.find(name)
            return msgspec.structs.replace(expression, name=found.name) if found else None
        case Joined(names):
            cells = [source.find(name) for name in names]
            kept = tuple(cell.name for cell in cells if cell is not None)
            if cells[0] is None:
                return None
            return Joined(kept) if len(kept) > 1 else Column(kept[0])
        case FirstFilled(parts):
            found_parts = [part for each in parts if (part := existing(each, source)) is not None]
            filled = [part for part in found_parts if any(source.filled(name) for name in columns_of(part))]
            return _any_of(_needed(filled, source) or found_parts[:1], FirstFilled)
        case Arithmetic(operation, parts):
            found_parts = [part for each in parts if (part := existing(each, source)) is not None]
            if operation == "add":
                return _any_of(found_parts, lambda each: Arithmetic("add", each))
            return Arithmetic(operation, tuple(found_parts)) if len(found_parts) == len(parts) else None


def _needed(parts: list[Expression], source: RowSource) -> list[Expression]:
    """Return the alternatives up to the first that every row has."""
    for number, part in enumerate(parts, 1):
        if isinstance(part, Column) and source.filled(part.name) == source.main.rows:
            return parts[:number]
    return parts


def _any_of(parts: list[Expression], build: Callable[[tuple[Expression, ...]], Expression]) -> Expression | None:
    if len(parts) < 2:
        return parts[0] if parts else None
    return build(tuple(parts))


def existing_fields(fields: Mapping[str, Expression], source: RowSource) -> dict[str, Expression]:
    """Return the fields of a platform whose columns a file has."""
    return {field: found for field, each in fields.items() if (found := existing(each, source)) is not None}
