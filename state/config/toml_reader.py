"""A TOML file of the shop while it is read: its fields are handed out checked, and its faults collected.

The policy and the campaigns are written by people, who want to hear of every fault at once. So a reader goes on after a
fault: the field reads as absent, and nothing that was read may be used once there are faults.
"""

import math
import re
import tomllib
from collections.abc import Collection, Mapping
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

from msgspec import Struct

from state.config.config_errors import MAX_LISTED, ConfigErrors, format_value, single_line, suggest_name

MAX_FILE_BYTES: Final = 256 * 1024
"""A file travels as one Kafka record; brokers refuse records above 1 MiB unless told otherwise."""
MAX_NAME: Final = 64
MAX_NAMES: Final = 100
MAX_TABLES: Final = 1_000
MAX_TEXT: Final = 200
MAX_INTEGER: Final = 10**9
MAX_DAYS: Final = 1_000_000
MAX_FRACTION_DIGITS: Final = 30

NAME_WORDS: Final = f"1 to {MAX_NAME} of a-z, 0-9, _ and -"

_BARE = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NAME = re.compile(r"[a-z0-9_-]{1,64}")
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*")
_MAX_BITS: Final = 200


class TomlNumber(Struct, frozen=True):
    """A number of the file: its text, as JSON may have it (no `+`, no `_`), and its exact value."""

    text: str
    value: Decimal

    def to_units(self, unit: int) -> int:
        """Count smaller units (milliseconds of days, minor units of major ones), a begun one as a whole one.

        A whole count lies below the result exactly when it lies below the number itself, so an edge loses nothing.
        """
        return math.ceil(Fraction(self.value) * unit)

    def is_within(self, most: int, *, zero: bool = False) -> bool:
        """Whether it is above 0 (or 0, with `zero`), at most `most`, and not finer than any use of it."""
        exponent = self.value.as_tuple().exponent
        fine = isinstance(exponent, int) and -exponent > MAX_FRACTION_DIGITS
        return (self.value > 0 or (zero and self.value == 0)) and self.value <= most and not fine


class FloatLiteral(Struct, frozen=True):
    """A TOML float as it is written: no binary float ever stands for it."""

    text: str

    def __str__(self) -> str:
        """Give the text."""
        return self.text


def read_toml(text: str) -> dict[str, object]:
    """Read a TOML text, floats as `FloatLiteral`.

    Raises:
        Faults: one fault, with line and column where they are known.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ConfigErrors([f"the file is not Unicode (at {_place(text, error.start)}); save it as UTF-8"]) from None
    if size > MAX_FILE_BYTES:
        raise ConfigErrors([f"the file must have at most {MAX_FILE_BYTES} bytes: got {size}"])
    try:
        return tomllib.loads(text.removeprefix("\ufeff"), parse_float=FloatLiteral)
    except tomllib.TOMLDecodeError as error:
        what, _, where = str(error).rpartition(" (at ")
        place = _place(text, len(text)) if where.startswith("end of document") else where.removesuffix(")")
        raise ConfigErrors([f"the file is not TOML: {single_line(what)} (at {place})"]) from None
    except ValueError:
        raise ConfigErrors(
            ["the file is not TOML of ours: a whole number has thousands of digits; shorten it"]
        ) from None
    except RecursionError:
        raise ConfigErrors(
            ["the file is not TOML of ours: its lists or tables are nested too deep; flatten them"]
        ) from None


def read_number(value: object) -> TomlNumber | None:
    """Take a value as a number; None if it is none, is not finite or is out of all proportion."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= _MAX_BITS:
        return TomlNumber(str(value), Decimal(value))
    if isinstance(value, FloatLiteral):
        text = value.text.replace("_", "").removeprefix("+")
        try:
            exact = Decimal(text)
        except InvalidOperation:
            return None
        return TomlNumber(text, exact) if exact.is_finite() else None
    return None


def describe_range(most: int, *, zero: bool = False) -> str:
    """Say in a fault what `TomlNumber.is_within` asks for."""
    return f"a number {'from 0' if zero else 'above 0 and up'} to {most}"


def is_integer(value: object, most: int = MAX_INTEGER) -> bool:
    """Whether a value is a whole number from 1 to `most`; true is none."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most


class Table:
    """One table of the file. It knows what it was asked for, so that it can refuse what nobody asked for."""

    def __init__(self, content: Mapping[str, object], faults: list[str], place: str = "") -> None:
        """Read `content`, which stands at `place` (such as `segment 3 (loyal): when.`); note faults in `errors`."""
        self.content = content
        self.errors = faults
        self.place = place
        self.known_keys: dict[str, None] = {}

    def add_error(self, key: str, what: str) -> None:
        """Note what is wrong with a field."""
        self.errors.append(f"{self.place}{key if _BARE.fullmatch(key) else format_value(key)} {what}")

    def expect(self, key: str, wanted: str, value: object) -> None:
        """Note that a field must be something else."""
        self.add_error(key, f"must be {wanted}: got {format_value(value)}")

    def get(self, key: str, *, required: bool = False) -> object | None:
        """Take a field as it stands, None if it is absent: TOML has no null."""
        self.known_keys[key] = None
        value = self.content.get(key)
        if value is None and required:
            self.add_error(key, "is missing; add it")
        return value

    def reject_unknown_keys(self) -> None:
        """Refuse the fields that were never asked for."""
        unknown = [key for key in self.content if key not in self.known_keys]
        for key in unknown[:MAX_LISTED]:
            self.add_error(key, f"is unknown; {suggest_name(key, self.known_keys)}")
        if len(unknown) > MAX_LISTED:
            self.add_error(
                unknown[MAX_LISTED], f"is unknown, and so are {len(unknown) - MAX_LISTED - 1} more; remove them"
            )

    def text(self, key: str, *, required: bool = False) -> str | None:
        """Take a text of 1 to 200 characters."""
        value = self.get(key, required=required)
        if isinstance(value, str) and 0 < len(value) <= MAX_TEXT:
            return value
        if value is not None:
            self.expect(key, f"a text of 1 to {MAX_TEXT} characters", value)
        return None

    def name(self, key: str = "name") -> str:
        """Take a name; required."""
        value = self.get(key, required=True)
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
        if value is not None:
            self.expect(key, NAME_WORDS, value)
        return ""

    def integer(self, key: str, *, required: bool = False) -> int | None:
        """Take a whole number of 1 or more."""
        value = self.get(key, required=required)
        if isinstance(value, int) and is_integer(value):
            return value
        if value is not None:
            self.expect(key, f"a whole number from 1 to {MAX_INTEGER}", value)
        return None

    def number(self, key: str, most: int, *, zero: bool = False, required: bool = False) -> TomlNumber | None:
        """Take a number above 0 (or from 0 on, with `zero`) up to `most`."""
        value = self.get(key, required=required)
        number = read_number(value)
        if number is not None and number.is_within(most, zero=zero):
            return number
        if value is not None:
            self.expect(key, describe_range(most, zero=zero), value)
        return None

    def boolean(self, key: str, *, absent: bool = False) -> bool:
        """Take a switch."""
        value = self.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.expect(key, "true or false", value)
        return absent

    def choice(self, key: str, allowed: Collection[str]) -> str:
        """Take one of a few words; required."""
        value = self.get(key, required=True)
        if isinstance(value, str) and value in allowed:
            return value
        if value is not None:
            self.expect(key, " or ".join(allowed), value)
        return ""

    def names(self, key: str, allowed: Collection[str] | None, *, required: bool = False) -> tuple[str, ...] | None:
        """Take a list of names, none of them twice, all of them of a known set if there is one."""
        value = self.get(key, required=required)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > MAX_NAMES or not all(isinstance(name, str) for name in value):
            self.expect(key, f"a list of at most {MAX_NAMES} names", value)
            return None
        for name in value:
            if allowed is not None and name not in allowed:
                self.add_error(key, f"has the unknown name {format_value(name)}; {suggest_name(name, allowed)}")
            elif not _NAME.fullmatch(name):
                self.add_error(key, f"must be a list of names, each {NAME_WORDS}: got {format_value(name)}")
        if len(set(value)) < len(value):
            self.add_error(key, f"must not have a name twice: got {format_value(value)}")
        return tuple(value)

    def time_zone(self, zones: Collection[str] | None, key: str = "timezone") -> str:
        """Take a time zone by its IANA name, one of `zones` where they are given; UTC if absent."""
        value = self.get(key)
        if value is None:
            return "UTC"
        if not isinstance(value, str) or len(value) > MAX_NAME or not _ZONE.fullmatch(value):
            self.expect(key, "the IANA name of a time zone, such as Europe/Moscow", value)
        elif zones is not None and value not in zones:
            is_abbreviation = value.isupper() and "/" not in value
            remedy = (
                "use a name such as Europe/Moscow, not an abbreviation"
                if is_abbreviation
                else suggest_name(value, sorted(zones))
            )
            self.add_error(key, f"has the unknown time zone {format_value(value)}; {remedy}")
        else:
            return value
        return "UTC"

    def table(self, key: str, *, required: bool = False) -> "Table | None":
        """Take a table within this one."""
        value = self.get(key, required=required)
        if isinstance(value, dict):
            return Table(value, self.errors, f"{self.place}{key}.")
        if value is not None:
            self.expect(key, "a table", value)
        return None

    def tables(self, key: str, *, required: bool = False) -> "list[Table]":
        """Take a list of tables, each placed by its number and its name; at least one if required."""
        value = self.get(key, required=required)
        if value is None:
            return []
        fits = isinstance(value, list) and len(value) <= MAX_TABLES and all(isinstance(item, dict) for item in value)
        if not isinstance(value, list) or not fits or (required and not value):
            self.expect(key, f"a list of {1 if required else 0} to {MAX_TABLES} tables", value)
            return []
        return [
            Table(item, self.errors, f"{self.place}{key} {_numbered(n, item)}: ") for n, item in enumerate(value, 1)
        ]


def _numbered(number: int, item: Mapping[str, object]) -> str:
    name = item.get("name")
    return f"{number} ({name})" if isinstance(name, str) and _BARE.fullmatch(name) else str(number)


def _place(text: str, index: int) -> str:
    return f"line {text.count(chr(10), 0, index) + 1}, column {index - text.rfind(chr(10), 0, index)}"
