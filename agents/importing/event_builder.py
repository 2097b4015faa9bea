"""Translate a row of a file into an event (docs/topics.md), checked by the rules that `admit` applies."""

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
from agents.importing.mapping import Mapping
from agents.importing.row_reader import FileError, Row
from state.config.config_errors import show
from state.intake.admission import AdmissionRules, Rejected, admit
from state.units.time_zones import zone
from state.units.timestamps import format_ms

_MONEY: Final = frozenset({"amount", "discount", "rate", "cost"})
_FLAGS: Final = frozenset({"granted", "permanent", "backfill"})
_CONSENTS: Final = tuple(f"consent.{channel}" for channel in CONSENT_CHANNELS)
_ID_OF: Final = {"purchase": "order_id", "refund": "refund_id"}
_HASH_BYTES: Final = 12

_encode: Final = msgspec.json.Encoder(order="deterministic").encode


Read = TypeVar("Read")


class ImportedEvent(NamedTuple):
    """An event ready to be published; `customer_id` is empty for an anonymous sale."""

    kind: str
    occurred_at_ms: int
    customer_id: str
    order_id: str
    value: bytes


class EventBuilder:
    """Turns the rows of one file into events.

    Attributes:
        columns: field to the names of the columns it was read from.
        unused: names of columns that no field was read from.
    """

    def __init__(
        self, path: Path, mapping: Mapping, exchange: AdmissionRules, source: str, *, backfill: bool, may_vary: bool
    ) -> None:
        """Make ready.

        Args:
            path: of the file; its name goes into the ids of events that have none.
            mapping: how to read it.
            exchange: the policy's currency, which rows without one have, and its rates.
            source: short name of the topic to publish to.
            backfill: whether all of it is history.
            may_vary: whether rows may have different columns, as in JSON Lines.
        """
        self.mapping = mapping
        self.exchange = exchange
        self.source = source
        self.backfill = backfill
        self.columns: dict[str, tuple[str, ...]] = {}
        self.unused_columns: tuple[str, ...] = ()
        self._path = path
        self._may_vary = may_vary
        self._zone = zone(mapping.timezone)
        self._seed = path.name.encode("utf-8", "surrogateescape")
        self._found: dict[tuple[str, ...], dict[str, tuple[int, ...]]] = {}

    def build(self, row: Row, latest_ms: int | None) -> ImportedEvent:
        """Make the event of a row.

        An event without an id, a purchase without an order's and a refund without one of its own get ids made of the
        file's name, the row's number and its cells, so that the same import again changes nothing.

        Raises:
            Unreadable: a cell that cannot be read, or an event that would be rejected.
        """
        columns = self._found.get(row.names) or self._find(row.names)
        given = self._given(row, columns)
        kind = self._kind(given, columns)
        said: dict[str, Any] = {"type": kind} if self.source == "events" else {}
        currency = given.get("currency")
        currency = self.exchange.currency if is_absent(currency) else read_text(currency).upper()
        for field in ("event_id", "customer_id", "backfill", *FIELDS_BY_KIND[kind]):
            cell = given.get(field)
            if not is_absent(cell):
                said[field] = self._value(field, cell, currency)
        if "amount" in FIELDS_BY_KIND[kind] or "cost" in said:
            said["currency"] = currency
        if kind == "signup" and (consents := _consents(given)):
            said["consent"] = said.get("consent", {}) | consents
        if is_absent(given.get("occurred_at")):
            raise CellError("occurred_at has no value; name its column in a mapping file ([fields] occurred_at = ...)")
        moment = _read("occurred_at", read_moment, given["occurred_at"], self.mapping, self._zone)
        said["occurred_at"] = _read("occurred_at", _rfc3339, moment)
        if self.backfill:
            said["backfill"] = True
        own_id = _ID_OF.get(kind, "event_id")
        if "event_id" not in said or own_id not in said:
            made = f"imp-{self._hash(row)}"
            said.setdefault("event_id", made)
            said.setdefault(own_id, made)
        return self._checked(
            ImportedEvent(kind, moment, said.get("customer_id", ""), said.get("order_id", ""), b""), said, latest_ms
        )

    def _checked(self, event: ImportedEvent, said: dict[str, Any], latest_ms: int | None) -> ImportedEvent:
        value = _read("the row", _json, said)
        verdict = admit(self.source, 0, 0, value, self.exchange, latest_ms)
        if isinstance(verdict, Rejected):
            raise CellError(f"{verdict.reason}: {verdict.detail}")
        return event._replace(value=value)

    def _find(self, names: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
        """Find the columns for rows with these names: what the mapping names, else what the names say."""
        kind = self.mapping.kind
        found = find_columns(names, ALL_FIELDS if kind == "auto" else (*COMMON_FIELDS, *FIELDS_BY_KIND[kind]))
        for field, wanted in self.mapping.fields.items():
            missing = [name for name in wanted if name not in names]
            if missing and not self._may_vary:
                raise FileError(f"fields.{field}: no column {missing[0]!r} in {self._path}; it has {', '.join(names)}")
            found[field] = () if missing else tuple(names.index(name) for name in wanted)
        self._found[names] = found
        self.columns.update((f, tuple(names[p] for p in positions)) for f, positions in found.items() if positions)
        used = {name for columns in self.columns.values() for name in columns}
        self.unused_columns = tuple(name for name in dict.fromkeys((*self.unused_columns, *names)) if name not in used)
        return found

    def _given(self, row: Row, columns: dict[str, tuple[int, ...]]) -> dict[str, Any]:
        given: dict[str, Any] = dict(self.mapping.constants)
        for field, positions in columns.items():
            if len(positions) == 1:
                cell = row.cells[positions[0]]
            else:
                cell = " ".join(read_text(row.cells[p]) for p in positions if not is_absent(row.cells[p]))
            if not is_absent(cell):
                given[field] = cell
        return given

    def _kind(self, given: dict[str, Any], columns: Container[str]) -> str:
        if self.mapping.kind != "auto":
            return self.mapping.kind
        word = given.get("type")
        if is_absent(word):
            kind = kind_from_fields(columns)
            if kind is None:
                raise CellError(f"tells no kind; give --kind, one of {', '.join(FIELDS_BY_KIND)}, or a type column")
            return kind
        kind = kind_from_word(_read("type", read_text, word))
        if kind is None:
            raise CellError(f"type must be one of {', '.join(FIELDS_BY_KIND)}: got {show(word)}; or give --kind")
        return kind

    def _value(self, field: str, cell: Any, currency: str) -> Any:
        if field in _MONEY:
            return _read(field, read_number, cell, self.mapping.decimal, None if field == "rate" else currency)
        if field in _FLAGS:
            return _read(field, read_flag, cell)
        if field == "consent" and isinstance(cell, dict):
            return {channel: _read(f"consent.{channel}", read_flag, granted) for channel, granted in cell.items()}
        return _read(field, read_text, cell)

    def _hash(self, row: Row) -> str:
        cells = "\x1f".join("" if is_absent(cell) else str(cell) for cell in row.cells)
        content = b"%s\x1e%d\x1e%s" % (self._seed, row.line, cells.encode("utf-8", "surrogatepass"))
        return blake2b(content, digest_size=_HASH_BYTES).hexdigest()


def _read(field: str, reader: Callable[..., Read], *arguments: Any) -> Read:
    """Read a cell; what is wrong with it is said with the field's name."""
    try:
        return reader(*arguments)
    except CellError as fault:
        raise CellError(f"{field} {fault}") from None


def _consents(given: dict[str, Any]) -> dict[str, bool]:
    """The channels that have columns of their own."""
    return {
        field.removeprefix("consent."): _read(field, read_flag, given[field])
        for field in _CONSENTS
        if not is_absent(given.get(field))
    }


def _rfc3339(moment_ms: int) -> str:
    try:
        return format_ms(moment_ms)
    except (OverflowError, ValueError) as error:
        raise CellError(f"must be in the years 1970 to 2199: got {moment_ms} ms") from error


def _json(said: dict[str, Any]) -> bytes:
    try:
        return _encode(said)
    except (ValueError, UnicodeError, RecursionError) as error:
        raise CellError(f"cannot be written as JSON: {error}") from error
