r"""What the value of a field is computed from: one column, or several.

In a mapping file:

    amount = "Total"                                              # a column; JSON: a dotted path
    amount = ["Total", "Amount"]                                  # the first that is not empty
    amount = { multiply = ["Quantity", "UnitPrice"] }             # also add, subtract
    amount = ["total", { add = ["revenue", "tax", "shipping"] }]  # nested
    occurred_at = { join = ["Date", "Time"] }                     # texts with a space between them
    occurred_at = { column = "date_gmt", zone = "UTC" }
    customer_id = { column = "Customer", extract = '\[(\d+)\]' }  # the group of a regular expression
    refunded = { column = "refunds", each = "total" }             # sum of a member of each object of a JSON list
    amount = { column = "amount_cents", divide = 100 }            # cents; 1000000 for millionths
"""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec

from agents.importing.mapping.event_fields import FieldType
from state.config.config_errors import format_value
from state.units.time_zones import zone_names

_MAX_DEPTH: Final = 4
_DIVISORS: Final = (10, 100, 1_000, 10_000, 100_000, 1_000_000)
_JOINED_TYPES: Final = (FieldType.TEXT, FieldType.ID, FieldType.MOMENT)


class Column(msgspec.Struct, frozen=True):
    """The cells of one column.

    Attributes:
        name: of the column.
        zone: IANA name of the time zone of its moments; empty: none is known.
        extract: regular expression whose first group is the value; empty: the whole cell is.
        each: name of the member to sum over a JSON list of objects; empty: the cell is no such list.
        divide: how many of its units make one of the currency, such as 100 for cents; a power of ten.
    """

    name: str
    zone: str = ""
    extract: str = ""
    each: str = ""
    divide: int = 1


class FirstFilled(msgspec.Struct, frozen=True):
    """The first of several expressions that is not empty."""

    parts: "tuple[Expression, ...]"


class Joined(msgspec.Struct, frozen=True):
    """The texts of several columns with a space between them."""

    names: tuple[str, ...]


class Arithmetic(msgspec.Struct, frozen=True):
    """`multiply`, `add` or `subtract` several expressions; an addend that is empty counts as 0, unless all are."""

    operation: str
    parts: "tuple[Expression, ...]"


Expression: TypeAlias = Column | FirstFilled | Joined | Arithmetic
OPERATIONS: Final = ("multiply", "add", "subtract")


class ExpressionError(Exception):
    """A value of a mapping file is no expression; the message continues `<field> `."""


def parse_expression(value: object, field_type: FieldType, depth: int = 0) -> Expression:
    """Return the expression that a value of a mapping file stands for.

    Raises:
        ExpressionError: it stands for none, or for one that a field of this type cannot have.
    """
    if depth > _MAX_DEPTH:
        raise ExpressionError("is nested too deeply")
    match value:
        case str() if value:
            return Column(value)
        case [_, *_]:
            parts = tuple(parse_expression(part, field_type, depth + 1) for part in value)
            return parts[0] if len(parts) == 1 else FirstFilled(parts)
        case {"join": list(names), **rest} if not rest and field_type in _JOINED_TYPES:
            return Joined(_names(names))
        case {"column": str(name), **rest} if name:
            return _column(name, rest, field_type)
        case dict() if len(value) == 1 and (operation := next(iter(value))) in OPERATIONS:
            return _arithmetic(operation, value[operation], field_type, depth)
        case _:
            raise ExpressionError(f"must be {_expected(field_type)}: got {_shown(value)}")


def columns_of(expression: Expression) -> Iterator[str]:
    """Yield the names of the columns of an expression, in the order in which they are written."""
    match expression:
        case Column(name):
            yield name
        case Joined(names):
            yield from names
        case FirstFilled(parts) | Arithmetic(_, parts):
            for part in parts:
                yield from columns_of(part)


def plain_columns_of(expression: Expression) -> Iterator[str]:
    """Yield the names of the columns whose cells are numbers themselves, not lists of objects."""
    match expression:
        case Column(name, each=""):
            yield name
        case FirstFilled(parts) | Arithmetic(_, parts):
            for part in parts:
                yield from plain_columns_of(part)


def alternatives_of(expression: Expression) -> "tuple[Expression, ...]":
    """Return the expressions of which the first filled one is the value."""
    return expression.parts if isinstance(expression, FirstFilled) else (expression,)


def to_value(expression: Expression) -> Any:
    """Return an expression as a mapping file writes it."""
    match expression:
        case Column(name, zone, extract, each, divide):
            options = {"zone": zone, "extract": extract, "each": each, "divide": divide if divide > 1 else None}
            given = {key: option for key, option in options.items() if option}
            return {"column": name, **given} if given else name
        case Joined(names):
            return {"join": list(names)}
        case FirstFilled(parts):
            return [to_value(part) for part in parts]
        case Arithmetic(operation, parts):
            return {operation: [to_value(part) for part in parts]}


def describe(expression: Expression) -> str:
    """Return an expression in words, such as `Paid at, else Created at`."""
    signs = {"multiply": " × ", "add": " + ", "subtract": " − "}
    match expression:
        case Column(name, _, extract, each, divide):
            own = f"{name} (part)" if extract else f"{name}.{each} (sum)" if each else name
            return f"{own} ÷ {divide}" if divide > 1 else own
        case Joined(names):
            return " and ".join(names)
        case FirstFilled(parts):
            return ", else ".join(map(describe, parts))
        case Arithmetic(operation, parts):
            return signs[operation].join(map(describe, parts))


def _column(name: str, options: dict[Any, Any], field_type: FieldType) -> Column:
    allowed = {
        FieldType.MOMENT: ("zone",),
        FieldType.TEXT: ("extract",),
        FieldType.ID: ("extract",),
        FieldType.MONEY: ("each", "divide"),
        FieldType.FLAG: (),
    }[field_type]
    for key, option in options.items():
        if key not in allowed:
            raise ExpressionError(f"cannot have {key}; it can have {', '.join(('column', *allowed))}")
        if key == "divide":
            if option not in _DIVISORS or isinstance(option, bool):
                divisors = ", ".join(map(str, _DIVISORS))
                raise ExpressionError(f"must have one of {divisors} as divide: got {format_value(option)}")
        elif not isinstance(option, str) or not option:
            raise ExpressionError(f"must have a text as {key}: got {format_value(option)}")
    if {"each", "divide"} <= options.keys():
        raise ExpressionError("cannot have both each and divide")
    if "zone" in options and options["zone"] not in zone_names():
        raise ExpressionError(f"must have an IANA name as zone, such as UTC: got {format_value(options['zone'])}")
    if "extract" in options:
        _check_pattern(options["extract"])
    return Column(name, **options)


def _check_pattern(pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ExpressionError(f"has no regular expression as extract: {error}: got {format_value(pattern)}") from None
    if groups != 1:
        raise ExpressionError(f"must have one group in extract, such as \\[(\\d+)\\]: got {format_value(pattern)}")


def _arithmetic(operation: str, parts: object, field_type: FieldType, depth: int) -> Arithmetic:
    if field_type is not FieldType.MONEY:
        raise ExpressionError(f"is no number, so it cannot {operation}")
    if not isinstance(parts, list) or len(parts) < 2:
        raise ExpressionError(f"must {operation} a list of at least two columns: got {format_value(parts)}")
    return Arithmetic(operation, tuple(parse_expression(part, field_type, depth + 1) for part in parts))


def _names(names: list[Any]) -> tuple[str, ...]:
    if len(names) < 2 or not all(isinstance(name, str) and name for name in names):
        raise ExpressionError(f"must join a list of at least two columns: got {format_value(names)}")
    return tuple(names)


def _expected(field_type: FieldType) -> str:
    forms = {
        FieldType.MONEY: '{ multiply = [...] }, { add = [...] }, { subtract = [...] }, { column = "…", divide = 100 }',
        FieldType.MOMENT: "{ join = [...] }",
        FieldType.TEXT: "{ join = [...] }",
        FieldType.ID: '{ join = [...] }, { column = "...", extract = "..." }',
        FieldType.FLAG: "",
    }[field_type]
    return "a column name, or a list of them" + (f", or {forms}" if forms else "")


def _shown(value: object) -> str:
    return "a table with " + ", ".join(value) if isinstance(value, dict) and value else format_value(value)
