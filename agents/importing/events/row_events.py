# ruff: noqa: S608 - the names in the statements are those of our own tables and columns
"""Events that are one row each: signups, consents, contacts, erasures, and our own events of any kind."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from agents.importing.columns.currencies import read_currency
from agents.importing.events.counted_event import CountedEvent, to_base
from agents.importing.events.customer_ids import IdPrefixes, bounded_id, derived_id
from agents.importing.events.event_writer import EventWriter, Refusal
from agents.importing.mapping.event_fields import (
    CONSENT_CHANNELS,
    CONSENT_FIELDS,
    FIELDS_BY_KIND,
    FieldType,
    type_of,
)
from agents.importing.mapping.expression import Column, Expression, alternatives_of
from agents.importing.mapping.mapping import Mapping
from agents.importing.orders.order_tables import digits_sql
from agents.importing.rows.cell_sql import MONEY, CellSql, quoted
from agents.importing.rows.row_meaning import rule_sql
from agents.importing.staging.stage import Staging
from state.units.currencies import DIGITS
from state.units.money import is_number

_ROWS_PER_FETCH: Final = 10_000
_ID_FIELD_BY_KIND: Final = {"purchase": "order_id", "refund": "refund_id"}
_NUMBERED: Final = ("purchase", "refund")
_ALL: Final = tuple(
    dict.fromkeys(field for fields in FIELDS_BY_KIND.values() for field in fields if field != "consent")
)
_MONEY: Final = tuple(field for field in _ALL if type_of(field) is FieldType.MONEY)
_FLAGS: Final = tuple(field for field in _ALL if type_of(field) is FieldType.FLAG)
_TEXTS: Final = ("event_id", *(field for field in _ALL if field not in (*_MONEY, *_FLAGS, "currency")))
_COLUMNS: Final = {"kind": "contact_kind"}
"""Columns of the table that are not named like their field; `kind` is the kind of event."""


class RowEvents:
    """A table of rows each of which is an event.

    Args:
        staging: the database.
        name: of the table.
        kinds: of the rows; others are not in the table.
        prefixes: of ids.
        default_currency: of rows that name none.
    """

    def __init__(self, staging: Staging, name: str, prefixes: IdPrefixes, default_currency: str) -> None:
        self.name = name
        self._staging = staging
        self._prefixes = prefixes
        self._default_currency = default_currency

    def tables(self) -> tuple[str, ...]:
        """Return the names of the tables."""
        return (self.name,)

    def currencies_sql(self) -> str:
        """Return line, currency and rate of all purchases and refunds."""
        own = f"coalesce(currency, nullif({quoted(self._default_currency)}, ''))"
        condition = "reason IS NULL AND kind IN ('purchase', 'refund')"
        return f"SELECT line, {own} AS currency, rate FROM {self.name} WHERE {condition}"

    def customers_sql(self) -> str:
        """Return the customers of all events, once or more."""
        return f"SELECT customer FROM {self.name} WHERE reason IS NULL"

    def consents_sql(self) -> str:
        """Return moment, line, customer and the consents of each row."""
        consents = ", ".join(field.replace(".", "_") for field in CONSENT_FIELDS)
        return (
            f"SELECT occurred_at, line, customer, {consents} FROM {self.name} WHERE reason IS NULL AND kind = 'signup'"
        )

    def events(self, writer: EventWriter) -> Iterator[CountedEvent]:
        """Yield all events in the order of their moments."""
        reader = self._staging.con.cursor()
        result = reader.sql(f"SELECT * FROM {self.name} WHERE reason IS NULL ORDER BY occurred_at, position")
        for batch in result.to_arrow_reader(_ROWS_PER_FETCH):
            names = batch.schema.names
            for cells in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                row = dict(zip(names, cells, strict=True))
                if writer.takes(row["kind"]):
                    yield self._event(row, writer)
        reader.close()

    def _event(self, row: dict[str, Any], writer: EventWriter) -> CountedEvent:
        kind, at, line = row["kind"], row["occurred_at"], row["line"]
        fields: dict[str, Any] = {"event_id": row["event_id"], "customer_id": self._prefixes.customer(row["customer"])}
        for field in FIELDS_BY_KIND[kind]:
            if field == "consent":
                fields["consent"] = _consents(row) or None
            elif field in _MONEY:
                fields[field] = _number(row[f"{field}_text"], row[field])
            elif field == "currency":
                has_money = kind in _NUMBERED or fields.get("cost") is not None
                fields[field] = (row[field] or self._default_currency) if has_money else None
            else:
                fields[field] = row[_COLUMNS.get(field, field)]
        for field in ("order_id", "refund_id"):
            if fields.get(field):
                fields[field] = self._prefixes.order(fields[field])
        if fields.get("referred_by"):
            fields["referred_by"] = self._prefixes.customer(fields["referred_by"])
        self._add_ids(kind, fields, at, row["ordinal"])
        try:
            written = writer.write(kind, fields, at, line)
        except Refusal as refusal:
            return CountedEvent(at, 0, line, None, 0, refusal)
        counted = written.base_minor
        if row["counted"] is not None and row["counted"] != row["amount"]:
            digits = DIGITS[fields["currency"]]
            counted = to_base(int(row["counted"].scaleb(digits)), fields["currency"], row["rate"], writer)
        return CountedEvent(at, 0, line, written, counted)

    def _add_ids(self, kind: str, fields: dict[str, Any], at: int, ordinal: int) -> None:
        """Add the ids that the row does not have, from its contents."""
        id_field = _ID_FIELD_BY_KIND.get(kind)
        contents = (kind, at, sorted((key, str(value)) for key, value in fields.items() if value is not None), ordinal)
        if id_field and not fields.get(id_field):
            fields[id_field] = self._prefixes.order(derived_id(*contents))
        if not fields["event_id"]:
            own = fields[id_field] if id_field else derived_id(*contents)
            fields["event_id"] = bounded_id(kind, own)


class RowMeaning(msgspec.Struct, frozen=True):
    """What is common to the rows of a table of events.

    Attributes:
        kinds: of events to take; rows of other kinds are not in the table.
        kind: SQL of the kind of a row.
        occurred_at: SQL of its moment.
        default_currency: of rows that name none; empty: there is none.
    """

    kinds: tuple[str, ...]
    kind: str
    occurred_at: str
    default_currency: str


def create_row_events(sql: CellSql, staging: Staging, name: str, mapping: Mapping, meaning: RowMeaning) -> None:
    """Create the table of a form of file's rows that are events.

    Args:
        sql: of the cells.
        staging: the database.
        name: of the new table.
        mapping: with the columns that exist.
        meaning: of the rows.
    """
    columns = _columns(sql, mapping, meaning)
    selected = ", ".join(f'{value} AS "{column}"' for column, value in columns.items())
    listed = ", ".join(map(quoted, meaning.kinds))
    rows = f"SELECT {selected} FROM {sql.source.from_sql} {' '.join(sql.joins)}"
    events = _reasoned_sql(f"SELECT * FROM ({rows}) WHERE kind IN ({listed})", meaning.default_currency)
    staging.con.execute(f"CREATE OR REPLACE TABLE {name} AS {_counted_sql(events)}")


def _columns(sql: CellSql, mapping: Mapping, meaning: RowMeaning) -> dict[str, str]:
    """Return the columns of the table, each with the SQL of its value; `error` says why a row cannot be read."""
    fields, constants = mapping.fields, mapping.constants
    customers = [
        each
        for field in ("email", "customer_id")
        if field in fields
        for each in sql.identifiers(fields[field], mapping.guests)
    ]
    columns = {
        "position": sql.source.position_sql,
        "line": "b.line",
        "kind": meaning.kind,
        "occurred_at": meaning.occurred_at,
        "customer": f"coalesce({', '.join(customers)}, NULL)" if customers else _constant(constants, "customer_id"),
        **{_COLUMNS.get(field, field): _text(sql, fields, constants, field) for field in _TEXTS},
        **{f"{field}_text": _raw(sql, fields, constants, field) for field in _MONEY},
        **{field: sql.money(field, fields[field]) if field in fields else f"NULL::{MONEY}" for field in _MONEY},
        **{
            field.replace(".", "_"): sql.flag(fields[field]) if field in fields else _flag(constants, field)
            for field in (*_FLAGS, *CONSENT_FIELDS)
        },
        "currency": sql.currency("currency", fields["currency"], read_currency)
        if "currency" in fields
        else _constant(constants, "currency"),
    }
    rules = [
        f"WHEN {rule_sql(sql, rule, cell)} THEN {quoted(rule.reason)}"
        for rule in mapping.rules
        if (cell := sql.source.find(rule.column)) is not None
    ]
    columns["rule"] = f"CASE {' '.join(rules)} END" if rules else "NULL::VARCHAR"
    error = f"coalesce({', '.join(sql.errors)}, NULL)" if sql.errors else "NULL"
    columns["error"] = f"CASE WHEN {meaning.kind} IN ({', '.join(map(quoted, meaning.kinds))}) THEN {error} END"
    return columns


def _reasoned_sql(rows: str, default_currency: str) -> str:
    """Return rows with the reason why one is left out, and with a number among those that are equal."""
    equal = "kind, customer, occurred_at, amount, source, channel"
    own = f"coalesce(currency, nullif({quoted(default_currency)}, ''))"
    exact = f"amount * {digits_sql(own)}"
    checked = f"""
        SELECT *, CASE WHEN error IS NOT NULL THEN error WHEN occurred_at IS NULL THEN 'occurred_at has no value'
                WHEN kind IN ('purchase', 'refund') AND amount IS NULL THEN 'amount has no value'
                WHEN kind IN ('purchase', 'refund') AND {exact} <> floor({exact}) THEN
                    'amount must have no more digits than its currency: got ' || coalesce(amount_text, '') END AS detail
        FROM ({rows})"""
    reasoned = f"""
        SELECT *, CASE WHEN rule IS NOT NULL THEN rule WHEN detail IS NOT NULL THEN 'unreadable'
                WHEN customer IS NULL AND kind NOT IN ('purchase', 'refund') THEN 'no_customer' END AS refused
        FROM ({checked})"""
    number = "CASE kind WHEN 'purchase' THEN order_id WHEN 'refund' THEN refund_id END"
    copy = f"row_number() OVER (PARTITION BY kind, customer, {number}, refused IS NULL ORDER BY occurred_at, position)"
    return f"""
        SELECT * EXCLUDE (refused), row_number() OVER (PARTITION BY {equal} ORDER BY position) AS ordinal,
            CASE WHEN refused IS NOT NULL THEN refused
                WHEN {number} IS NOT NULL AND {copy} > 1 THEN 'duplicate' END AS reason
        FROM ({reasoned})"""


def _counted_sql(events: str) -> str:
    """Return events with what refunds of an order among them count: no more than is left of what was paid."""
    same = "r.customer IS NOT DISTINCT FROM o.customer AND r.order_id = o.order_id"
    before = """
        PARTITION BY r.customer, r.order_id, r.kind, r.reason IS NULL ORDER BY r.occurred_at, r.position
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"""
    return f"""
        WITH events AS ({events})
        SELECT r.*, CASE WHEN r.kind = 'refund' AND r.reason IS NULL AND o.currency IS NOT DISTINCT FROM r.currency
                AND o.amount IS NOT NULL
            THEN greatest(0, least(r.amount, o.amount - coalesce(sum(r.amount) OVER ({before}), 0))) END AS counted
        FROM events r LEFT JOIN
            (SELECT * FROM events WHERE kind = 'purchase' AND reason IS NULL AND order_id IS NOT NULL) o
            ON r.kind = 'refund' AND {same}"""


def _text(sql: CellSql, fields: dict[str, Expression], constants: dict[str, str], field: str) -> str:
    if field not in fields:
        return _constant(constants, field)
    if type_of(field) is FieldType.ID:
        own = f"coalesce({', '.join(sql.identifiers(fields[field]))}, NULL)"
    else:
        own = sql.text(fields[field])
    return f"coalesce({own}, {_constant(constants, field)})"


def _raw(sql: CellSql, fields: dict[str, Expression], constants: dict[str, str], field: str) -> str:
    """Return the text of a number of one column, so that it can be published as it is written."""
    parts = alternatives_of(fields[field]) if field in fields else ()
    texts = [sql.text(part) for part in parts if isinstance(part, Column) and not part.each and part.divide == 1]
    return (
        f"coalesce({', '.join((*texts, _constant(constants, field)))})" if len(texts) == len(parts) else "NULL::VARCHAR"
    )


def _constant(constants: dict[str, str], field: str) -> str:
    return quoted(constants[field]) if field in constants else "NULL::VARCHAR"


def _flag(constants: dict[str, str], field: str) -> str:
    return f"{constants[field]}::BOOLEAN" if constants.get(field) in ("true", "false") else "NULL::BOOLEAN"


def _consents(row: dict[str, Any]) -> dict[str, bool]:
    found = {channel: row[f"consent_{channel}"] for channel in CONSENT_CHANNELS}
    return {channel: granted for channel, granted in found.items() if granted is not None}


def _number(text: str | None, value: Decimal | None) -> str | None:
    """Return a number as it is written, if JSON writes it so; otherwise its value."""
    if text is not None and is_number(text):
        return text
    return None if value is None else format(value.normalize(), "f")
