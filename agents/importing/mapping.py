"""The mapping file: how a file that cannot be understood by its column names alone is to be read.

kind = "purchase"            # or a type column tells it: auto
timezone = "Europe/Moscow"   # of times without an offset; UTC unless given
time_format = "%d.%m.%Y %H:%M"
decimal = ","
delimiter = ";"
encoding = "cp1251"
header = ["customer", "day", "pieces", "sum"]   # names, where the file has no line with them

[fields]                     # event field = column
customer_id = "customer"
occurred_at = ["day", "hour"]

[set]                        # event field = a value for all rows
currency = "RUB"
"""

import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from agents.importing.column_names import ALL_FIELDS, CONSENT_CHANNELS, FIELDS_BY_KIND
from state.config.config_errors import ConfigErrors, hint, show
from state.units.time_zones import zone_names

KINDS: Final = (*FIELDS_BY_KIND, "auto")
UNIX_FORMATS: Final = ("unix", "unix_ms")
_WANTED: Final = {
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
        kind: the kind of all rows; `auto`: a type column tells, else purchases.
        fields: event field to the columns that make it, joined by a blank.
        constants: event field to its value in all rows that have no column for it.
        timezone: IANA name for times without an offset.
        time_format: for `strptime`, or `unix`, `unix_ms`; empty: the usual forms are recognised.
        decimal: the decimal sign, a point or a comma.
        delimiter: between the cells of CSV; empty: found out from the first line.
        encoding: of CSV and JSON Lines.
        header: names of the columns of a CSV file that has no line with them.
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
    """Read a mapping file.

    Raises:
        Faults: everything that is wrong with it.
    """
    try:
        table = tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigErrors([f"{file} cannot be read ({error.strerror}); name a file that is there"]) from error
    except ValueError as error:
        raise ConfigErrors([f"{file} is not TOML: {error}"]) from error
    faults: list[str] = []
    given: dict[str, Any] = {}
    for key, value in table.items():
        if key not in _WANTED:
            faults.append(f"{key} is unknown; {hint(key, _WANTED)}")
        elif key == "fields" and isinstance(value, dict):
            given["fields"] = _columns(value, faults)
        elif key == "set" and isinstance(value, dict):
            given["constants"] = _constants(value, faults)
        elif key == "header" and isinstance(value, list) and all(isinstance(name, str) and name for name in value):
            given["header"] = tuple(value)
        elif isinstance(value, str) and _WANTED[key] == "a text":
            given[key] = value
        else:
            faults.append(f"{key} must be {_WANTED[key]}: got {show(value)}")
    mapping = Mapping(**given)
    faults.extend(mapping_errors(mapping))
    if faults:
        raise ConfigErrors([f"{file}: {fault}" for fault in faults])
    return mapping


def mapping_errors(mapping: Mapping) -> list[str]:
    """Say what is wrong with the values of a mapping, whether they come from a file or from options."""
    faults = []
    if mapping.kind not in KINDS:
        faults.append(f"kind must be one of {', '.join(KINDS)}: got {mapping.kind!r}")
    if mapping.timezone not in zone_names():
        faults.append(f"timezone must be an IANA name such as Europe/Moscow: got {mapping.timezone!r}")
    if mapping.decimal not in (".", ","):
        faults.append(f"decimal must be a point or a comma: got {mapping.decimal!r}")
    if len(mapping.delimiter) > 1 or mapping.delimiter in ('"', "\r", "\n"):
        faults.append(f"delimiter must be one character, such as ; or a tab: got {mapping.delimiter!r}")
    if mapping.time_format and mapping.time_format not in UNIX_FORMATS and "%" not in mapping.time_format:
        faults.append(f"time_format must be unix, unix_ms or of the form %d.%m.%Y %H:%M: got {mapping.time_format!r}")
    try:
        "".encode(mapping.encoding)
    except LookupError:
        faults.append(f"encoding must be one that Python knows, such as utf-8 or cp1251: got {mapping.encoding!r}")
    return faults


def _columns(table: dict[str, Any], faults: list[str]) -> dict[str, tuple[str, ...]]:
    columns: dict[str, tuple[str, ...]] = {}
    for field, value in _flat(table).items():
        names = value if isinstance(value, list) else [value]
        if field not in _ALL_FIELDS:
            faults.append(f"fields.{field} is no field of an event; {hint(field, _ALL_FIELDS)}")
        elif not names or not all(isinstance(name, str) and name for name in names):
            faults.append(f"fields.{field} must be the name of a column, or a list of names: got {show(value)}")
        else:
            columns[field] = tuple(names)
    return columns


def _constants(table: dict[str, Any], faults: list[str]) -> dict[str, str]:
    constants: dict[str, str] = {}
    for field, value in _flat(table).items():
        if field not in _ALL_FIELDS:
            faults.append(f"set.{field} is no field of an event; {hint(field, _ALL_FIELDS)}")
        elif not isinstance(value, str | int | bool):
            faults.append(f"set.{field} must be a text, a whole number, true or false: got {show(value)}")
        else:
            constants[field] = str(value).lower() if isinstance(value, bool) else str(value)
    return constants


def _flat(table: dict[str, Any]) -> dict[str, Any]:
    """Take `[set.consent] email = true` for `consent.email`, as TOML has it."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update((f"{key}.{inner}", each) for inner, each in value.items())
        else:
            flat[key] = value
    return flat
