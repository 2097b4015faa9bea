"""The mapping file: how to read a file whose column names are not recognized.

kind = "purchase"            # or auto: by a type column
timezone = "Europe/Moscow"   # of times without an offset; default UTC
time_format = "%d.%m.%Y %H:%M"
decimal = ","
delimiter = ";"
encoding = "cp1251"
header = ["customer", "day", "pieces", "sum"]   # column names, if the file has no header

[fields]                     # event field = column
customer_id = "customer"
occurred_at = ["day", "hour"]

[set]                        # event field = the value in all rows
currency = "RUB"
"""

import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from agents.importing.column_names import ALL_FIELDS, CONSENT_CHANNELS, FIELDS_BY_KIND
from state.config.config_errors import ConfigErrors, format_value, suggest_name
from state.units.time_zones import zone_names

KINDS: Final = (*FIELDS_BY_KIND, "auto")
UNIX_FORMATS: Final = ("unix", "unix_ms")
_TYPE_BY_KEY: Final = {
    "kind": "a text",
    "fields": "a table",
    "set": "a table",
    "timezone": "a text",
    "time_format": "a text",
    "decimal": "a text",
    "delimiter": "a text",
    "encoding": "a text",
    "header": "a list of names",
}
_ALL_FIELDS: Final = (*ALL_FIELDS, *(f"consent.{channel}" for channel in CONSENT_CHANNELS))


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """How to read a file.

    Attributes:
        kind: of all rows; `auto`: by a type column, else by the columns.
        fields: event field to its columns, whose cells are joined with a space.
        constants: event field to its value in rows that have no column for it.
        timezone: IANA name for times without an offset.
        time_format: for `strptime`, or `unix`, `unix_ms`; empty: the usual formats are recognized.
        decimal: the decimal sign, "." or ",".
        delimiter: of CSV; empty: detected from the first line.
        encoding: of CSV and JSON Lines.
        header: the column names of a CSV file without a header line.
    """

    kind: str = "auto"
    fields: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    constants: dict[str, str] = msgspec.field(default_factory=dict)
    timezone: str = "UTC"
    time_format: str = ""
    decimal: str = "."
    delimiter: str = ""
    encoding: str = "utf-8"
    header: tuple[str, ...] = ()


def read_mapping(file: Path) -> Mapping:
    """Read and validate a mapping file.

    Raises:
        ConfigErrors: with all errors; each names the file.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigErrors([f"{file} cannot be read ({error.strerror}); name an existing file"]) from error
    except ValueError as error:
        raise ConfigErrors([f"{file} is not TOML: {error}"]) from error
    errors: list[str] = []
    given: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _TYPE_BY_KEY:
            errors.append(f"{key} is unknown; {suggest_name(key, _TYPE_BY_KEY)}")
        elif key == "fields" and isinstance(value, dict):
            given["fields"] = _columns(value, errors)
        elif key == "set" and isinstance(value, dict):
            given["constants"] = _constants(value, errors)
        elif key == "header" and isinstance(value, list) and all(isinstance(name, str) and name for name in value):
            given["header"] = tuple(value)
        elif isinstance(value, str) and _TYPE_BY_KEY[key] == "a text":
            given[key] = value
        else:
            errors.append(f"{key} must be {_TYPE_BY_KEY[key]}: got {format_value(value)}")
    mapping = Mapping(**given)
    errors.extend(mapping_errors(mapping))
    if errors:
        raise ConfigErrors([f"{file}: {error}" for error in errors])
    return mapping


def mapping_errors(mapping: Mapping) -> list[str]:
    """Return the errors in the values of a mapping, whether they come from a file or from options."""
    errors = []
    if mapping.kind not in KINDS:
        errors.append(f"kind must be one of {', '.join(KINDS)}: got {mapping.kind!r}")
    if mapping.timezone not in zone_names():
        errors.append(
            f"timezone must be an IANA name such as Europe/Moscow, not an abbreviation: got {mapping.timezone!r}"
        )
    if mapping.decimal not in (".", ","):
        errors.append(f'decimal must be "." or ",": got {mapping.decimal!r}')
    if len(mapping.delimiter) > 1 or mapping.delimiter in ('"', "\r", "\n"):
        errors.append(f"delimiter must be one character, such as ; or a tab: got {mapping.delimiter!r}")
    if mapping.time_format and mapping.time_format not in UNIX_FORMATS and "%" not in mapping.time_format:
        errors.append(f"time_format must be unix, unix_ms or of the form %d.%m.%Y %H:%M: got {mapping.time_format!r}")
    try:
        "".encode(mapping.encoding)
    except LookupError:
        errors.append(f"encoding must be known to Python, such as utf-8 or cp1251: got {mapping.encoding!r}")
    return errors


def _columns(table: dict[str, Any], errors: list[str]) -> dict[str, tuple[str, ...]]:
    columns: dict[str, tuple[str, ...]] = {}
    for field, value in _flat(table).items():
        names = value if isinstance(value, list) else [value]
        if field not in _ALL_FIELDS:
            errors.append(f"fields.{field} is not a field of an event; {suggest_name(field, _ALL_FIELDS)}")
        elif not names or not all(isinstance(name, str) and name for name in names):
            errors.append(f"fields.{field} must be a column name, or a list of them: got {format_value(value)}")
        else:
            columns[field] = tuple(names)
    return columns


def _constants(table: dict[str, Any], errors: list[str]) -> dict[str, str]:
    constants: dict[str, str] = {}
    for field, value in _flat(table).items():
        if field not in _ALL_FIELDS:
            errors.append(f"set.{field} is not a field of an event; {suggest_name(field, _ALL_FIELDS)}")
        elif not isinstance(value, str | int | bool):
            errors.append(f"set.{field} must be a text, a whole number, true or false: got {format_value(value)}")
        else:
            constants[field] = str(value).lower() if isinstance(value, bool) else str(value)
    return constants


def _flat(table: dict[str, Any]) -> dict[str, Any]:
    """Flatten nested tables: `[set.consent] email = true` becomes `consent.email`."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update((f"{key}.{inner}", each) for inner, each in value.items())
        else:
            flat[key] = value
    return flat
