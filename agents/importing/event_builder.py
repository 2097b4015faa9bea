"""Build an event (docs/topics.md) from a row of a file, checked by the rules that `admit` applies."""

from collections.abc import Callable, Container
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from agents.importing.cell_values import CellError, is_absent, read_flag, read_moment, read_number, read_text
from agents.importing.column_names import (
    ALL_FIELDS,
    COMMON_FIELDS,
    CONSENT_CHANNELS,
    FIELDS_BY_KIND,
    find_columns,
    kind_from_fields,
    kind_from_word,
)
from agents.importing.row_mapping import Mapping
from agents.importing.row_reader import FileError, Row
from state.config.config_errors import format_value
from state.intake.admission import AdmissionRules, Rejected, admit
from state.units.time_zones import load_zone
from state.units.timestamps import format_ms

_MONEY_FIELDS: Final = frozenset({"amount", "discount", "rate", "cost"})
_FLAG_FIELDS: Final = frozenset({"granted", "permanent", "backfill"})
_CONSENT_FIELDS: Final = tuple(f"consent.{channel}" for channel in CONSENT_CHANNELS)
_ID_FIELD_BY_KIND: Final = {"purchase": "order_id", "refund": "refund_id"}
_HASH_BYTES: Final = 12

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


Value = TypeVar("Value")


class ImportedEvent(NamedTuple):
    """An event ready to be published; `customer_id` is empty for an anonymous sale."""

    kind: str
    occurred_at_ms: int
    customer_id: str
    order_id: str
    value: bytes


class EventBuilder:
    """Builds events from the rows of one file.

    Args:
        path: of the file; its name is part of the ids of events that have none.
        mapping: how to read it.
        rules: the policy's currency, which rows without one get, and its rates.
        source: short name of the topic to publish to.
        backfill: whether all events are history.
        may_vary: whether rows may have different columns, as in JSON Lines.

    Attributes:
        columns: field to the names of the columns it was read from.
        unused_columns: names of columns that no field was read from.
    """

    def __init__(
        self, path: Path, mapping: Mapping, rules: AdmissionRules, source: str, *, backfill: bool, may_vary: bool
    ) -> None:
        self.mapping = mapping
        self.rules = rules
        self.source = source
        self.backfill = backfill
        self.columns: dict[str, tuple[str, ...]] = {}
        self.unused_columns: tuple[str, ...] = ()
        self._path = path
        self._may_vary = may_vary
        self._zone = load_zone(mapping.timezone)
        self._id_seed = path.name.encode("utf-8", "surrogateescape")
        self._positions_by_names: dict[tuple[str, ...], dict[str, tuple[int, ...]]] = {}

    def build(self, row: Row, latest_ms: int | None) -> ImportedEvent:
        """Return the event of a row.

        A missing event id, order id of a purchase or refund id of a refund is derived from the file's name, the row's
        number and its cells, so that importing the file again changes nothing.

        Args:
            row: the row.
            latest_ms: the latest admissible `occurred_at`, in milliseconds; None: no limit.

        Raises:
            CellError: a cell cannot be read, or the event would be rejected.
            FileError: a column of the mapping does not exist.
        """
        positions = self._positions_by_names.get(row.names) or self._find_positions(row.names)
        cells = self._cells_by_field(row, positions)
        kind = self._kind(cells, positions)
        fields: dict[str, Any] = {"type": kind} if self.source == "events" else {}
        currency = cells.get("currency")
        currency = self.rules.currency if is_absent(currency) else read_text(currency).upper()
        for field in ("event_id", "customer_id", "backfill", *FIELDS_BY_KIND[kind]):
            cell = cells.get(field)
            if not is_absent(cell):
                fields[field] = self._value(field, cell, currency)
        if "amount" in FIELDS_BY_KIND[kind] or "cost" in fields:
            fields["currency"] = currency
        if kind == "signup" and (consents := _consents(cells)):
            fields["consent"] = fields.get("consent", {}) | consents
        if is_absent(cells.get("occurred_at")):
            raise CellError("occurred_at has no value; name its column in a mapping file ([fields] occurred_at = ...)")
        occurred_at_ms = _read("occurred_at", read_moment, cells["occurred_at"], self.mapping, self._zone)
        fields["occurred_at"] = _read("occurred_at", _rfc3339, occurred_at_ms)
        if self.backfill:
            fields["backfill"] = True
        id_field = _ID_FIELD_BY_KIND.get(kind, "event_id")
        if "event_id" not in fields or id_field not in fields:
            derived_id = f"imp-{self._hash(row)}"
            fields.setdefault("event_id", derived_id)
            fields.setdefault(id_field, derived_id)
        value = _read("the row", _json, fields)
        self._check_admission(value, latest_ms)
        return ImportedEvent(kind, occurred_at_ms, fields.get("customer_id", ""), fields.get("order_id", ""), value)

    def nothing_readable_remedy(self) -> str:
        """Return what to do about a file of which no row could be read."""
        if "occurred_at" in self.columns:
            return "no row could be read; correct what the errors above name"
        return "no row could be read: no column was recognized as occurred_at; name the columns in a mapping (--map)"

    def _check_admission(self, value: bytes, latest_ms: int | None) -> None:
        result = admit(self.source, 0, 0, value, self.rules, latest_ms)
        if isinstance(result, Rejected):
            names_reason = result.detail.startswith(result.reason)
            raise CellError(result.detail if names_reason else f"{result.reason}: {result.detail}")

    def _find_positions(self, names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        """Find the columns of fields in rows with these column names: by the mapping, else by the names."""
        kind = self.mapping.kind
        fields = ALL_FIELDS if kind == "auto" else (*COMMON_FIELDS, *FIELDS_BY_KIND[kind])
        positions = find_columns(names, fields)
        for field, wanted in self.mapping.fields.items():
            missing = [name for name in wanted if name not in names]
            if missing and not self._may_vary:
                raise FileError(f"fields.{field}: no column {missing[0]!r} in {self._path}; it has {', '.join(names)}")
            positions[field] = () if missing else tuple(names.index(name) for name in wanted)
        self._positions_by_names[names] = positions
        self.columns.update((field, tuple(names[at] for at in found)) for field, found in positions.items() if found)
        used = {name for columns in self.columns.values() for name in columns}
        self.unused_columns = tuple(name for name in dict.fromkeys((*self.unused_columns, *names)) if name not in used)
        return positions

    def _cells_by_field(self, row: Row, positions: dict[str, tuple[int, ...]]) -> dict[str, Any]:
        cells: dict[str, Any] = dict(self.mapping.constants)
        for field, found in positions.items():
            if len(found) == 1:
                cell = row.cells[found[0]]
            else:
                cell = " ".join(read_text(row.cells[at]) for at in found if not is_absent(row.cells[at]))
            if not is_absent(cell):
                cells[field] = cell
        return cells

    def _kind(self, cells: dict[str, Any], fields: Container[str]) -> str:
        if self.mapping.kind != "auto":
            return self.mapping.kind
        word = cells.get("type")
        if is_absent(word):
            kind = kind_from_fields(fields)
            if kind is None:
                raise CellError(
                    f"the kind of event is unknown; give --kind, one of {', '.join(FIELDS_BY_KIND)}, or a type column"
                )
            return kind
        kind = kind_from_word(_read("type", read_text, word))
        if kind is None:
            raise CellError(
                f"type must be one of {', '.join(FIELDS_BY_KIND)}: got {format_value(word)}; or give --kind"
            )
        return kind

    def _value(self, field: str, cell: Any, currency: str) -> Any:
        if field in _MONEY_FIELDS:
            return _read(field, read_number, cell, self.mapping.decimal, None if field == "rate" else currency)
        if field in _FLAG_FIELDS:
            return _read(field, read_flag, cell)
        if field == "consent" and isinstance(cell, dict):
            return {channel: _read(f"consent.{channel}", read_flag, granted) for channel, granted in cell.items()}
        return _read(field, read_text, cell)

    def _hash(self, row: Row) -> str:
        cells = "\x1f".join("" if is_absent(cell) else str(cell) for cell in row.cells)
        content = b"%s\x1e%d\x1e%s" % (self._id_seed, row.line, cells.encode("utf-8", "surrogatepass"))
        return blake2b(content, digest_size=_HASH_BYTES).hexdigest()


def _read(field: str, reader: Callable[..., Value], *arguments: Any) -> Value:
    """Call a reader of cells, and put the field's name in front of its error."""
    try:
        return reader(*arguments)
    except CellError as error:
        raise CellError(f"{field} {error}") from None


def _consents(cells: dict[str, Any]) -> dict[str, bool]:
    """Return the consents of the channels that have columns of their own."""
    return {
        field.removeprefix("consent."): _read(field, read_flag, cells[field])
        for field in _CONSENT_FIELDS
        if not is_absent(cells.get(field))
    }


def _rfc3339(moment_ms: int) -> str:
    try:
        return format_ms(moment_ms)
    except (OverflowError, ValueError) as error:
        raise CellError(f"must be in the years 1970 to 2199: got {moment_ms} ms") from error


def _json(fields: dict[str, Any]) -> bytes:
    try:
        return _encode(fields)
    except (ValueError, UnicodeError, RecursionError) as error:
        raise CellError(f"cannot be written as JSON: {error}") from error
