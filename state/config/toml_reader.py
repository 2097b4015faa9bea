"""Read the fields of a TOML file with validation, and collect all errors.

People write these files and want all errors at once. So reading continues after an error: the field reads as absent,
and the result must not be used if there are errors.
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
"""A file is one Kafka record; by default brokers refuse records above 1 MiB."""
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
    """A number of the file: its text in JSON's syntax (no `+`, no `_`), and its exact value."""

    text: str
    value: Decimal

    def to_units(self, unit: int) -> int:
        """Return the number in smaller units (days in milliseconds, major in minor units), rounded up.

        An integer is below the result exactly if it is below the number itself, so thresholds remain exact.
        """
        return math.ceil(Fraction(self.value) * unit)

    def is_within(self, maximum: int, *, zero: bool = False) -> bool:
        """Whether it is above 0 (or 0, with `zero`), at most `maximum`, and has at most `MAX_FRACTION_DIGITS`."""
        exponent = self.value.as_tuple().exponent
        too_fine = isinstance(exponent, int) and -exponent > MAX_FRACTION_DIGITS
        return (self.value > 0 or (zero and self.value == 0)) and self.value <= maximum and not too_fine


class FloatLiteral(Struct, frozen=True):
    """A TOML float as text; it is never converted to a binary float."""

    text: str

    def __str__(self) -> str:
        """Return the text."""
        return self.text


def read_toml(text: str) -> dict[str, object]:
    """Parse TOML, with floats as `FloatLiteral`.

    Raises:
        ConfigErrors: One error, with line and column if they are known.
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
        reason, _, position = str(error).rpartition(" (at ")
        place = _place(text, len(text)) if position.startswith("end of document") else position.removesuffix(")")
        raise ConfigErrors([f"the file is not TOML: {single_line(reason)} (at {place})"]) from None
    except ValueError:
        raise ConfigErrors(["the file cannot be read: an integer has thousands of digits; shorten it"]) from None
    except RecursionError:
        raise ConfigErrors(["the file cannot be read: lists or tables are nested too deeply; flatten them"]) from None


def read_number(value: object) -> TomlNumber | None:
    """Return a value as a number; None if it is not a number, not finite or absurdly large."""
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


def describe_range(maximum: int, *, zero: bool = False) -> str:
    """Return for an error what `TomlNumber.is_within` accepts."""
    return f"a number {'from 0' if zero else 'above 0 and up'} to {maximum}"


def is_integer(value: object, maximum: int = MAX_INTEGER) -> bool:
    """Whether a value is an integer from 1 to `maximum`; a boolean is not."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= maximum


class Table:
    """A table of the file. The read methods record the keys that are known, so that unknown keys can be reported.

    Attributes:
        content: The table as parsed.
        errors: All errors of the file so far.
        place: The table's place in the file, as a prefix of its keys: `segment 3 (loyal): when.`.
        known_keys: Keys read so far.
    """

    def __init__(self, content: Mapping[str, object], errors: list[str], place: str = "") -> None:
        self.content = content
        self.errors = errors
        self.place = place
        self.known_keys: dict[str, None] = {}

    def add_error(self, key: str, message: str) -> None:
        """Report an error of a field; the message continues `<key> `."""
        self.errors.append(f"{self.place}{key if _BARE.fullmatch(key) else format_value(key)} {message}")

    def expect(self, key: str, expected: str, value: object) -> None:
        """Report that a field has a value other than expected."""
        self.add_error(key, f"must be {expected}: got {format_value(value)}")

    def get(self, key: str, *, required: bool = False) -> object | None:
        """Return a field as parsed; None if it is absent (TOML has no null)."""
        self.known_keys[key] = None
        value = self.content.get(key)
        if value is None and required:
            self.add_error(key, "is missing; add it")
        return value

    def reject_unknown_keys(self) -> None:
        """Report the keys that were not read."""
        unknown = [key for key in self.content if key not in self.known_keys]
        for key in unknown[:MAX_LISTED]:
            self.add_error(key, f"is unknown; {suggest_name(key, self.known_keys)}")
        if len(unknown) > MAX_LISTED:
            self.add_error(
                unknown[MAX_LISTED], f"is unknown, and so are {len(unknown) - MAX_LISTED - 1} more; remove them"
            )

    def text(self, key: str, *, required: bool = False) -> str | None:
        """Return a string of 1 to 200 characters; None if it is absent or has an error."""
        value = self.get(key, required=required)
        if isinstance(value, str) and 0 < len(value) <= MAX_TEXT:
            return value
        if value is not None:
            self.expect(key, f"a string of 1 to {MAX_TEXT} characters", value)
        return None

    def name(self, key: str = "name") -> str:
        """Return a required name; empty if it has an error."""
        value = self.get(key, required=True)
        if isinstance(value, str) and _NAME.fullmatch(value):
            return value
        if value is not None:
            self.expect(key, NAME_WORDS, value)
        return ""

    def integer(self, key: str, *, required: bool = False) -> int | None:
        """Return an integer of 1 or more; None if it is absent or has an error."""
        value = self.get(key, required=required)
        if isinstance(value, int) and is_integer(value):
            return value
        if value is not None:
            self.expect(key, f"a whole number from 1 to {MAX_INTEGER}", value)
        return None

    def number(self, key: str, maximum: int, *, zero: bool = False, required: bool = False) -> TomlNumber | None:
        """Return a number above 0 (or from 0, with `zero`) up to `maximum`; None if it is absent or has an error."""
        value = self.get(key, required=required)
        number = read_number(value)
        if number is not None and number.is_within(maximum, zero=zero):
            return number
        if value is not None:
            self.expect(key, describe_range(maximum, zero=zero), value)
        return None

    def boolean(self, key: str, *, default: bool = False) -> bool:
        """Return a boolean; the default if it is absent or has an error."""
        value = self.get(key)
        if isinstance(value, bool):
            return value
        if value is not None:
            self.expect(key, "true or false", value)
        return default

    def choice(self, key: str, allowed: Collection[str]) -> str:
        """Return a required field that is one of a few words; empty if it has an error."""
        value = self.get(key, required=True)
        if isinstance(value, str) and value in allowed:
            return value
        if value is not None:
            self.expect(key, " or ".join(allowed), value)
        return ""

    def names(self, key: str, allowed: Collection[str] | None, *, required: bool = False) -> tuple[str, ...] | None:
        """Return a list of different names, each one of `allowed` if given; None if it is absent or not a list."""
        value = self.get(key, required=required)
        if value is None:
            return None
        if not isinstance(value, list) or len(value) > MAX_NAMES or not all(isinstance(name, str) for name in value):
            self.expect(key, f"a list of at most {MAX_NAMES} names", value)
            return None
        for name in value:
            if allowed is not None and name not in allowed:
                self.add_error(key, f"contains the unknown name {format_value(name)}; {suggest_name(name, allowed)}")
            elif not _NAME.fullmatch(name):
                self.add_error(key, f"must be a list of names, each {NAME_WORDS}: got {format_value(name)}")
        if len(set(value)) < len(value):
            self.add_error(key, f"must not contain a name twice: got {format_value(value)}")
        return tuple(value)

    def time_zone(self, zones: Collection[str] | None, key: str = "timezone") -> str:
        """Return the IANA name of a time zone, one of `zones` if given; UTC if it is absent or has an error."""
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
        """Return a nested table; None if it is absent or has an error."""
        value = self.get(key, required=required)
        if isinstance(value, dict):
            return Table(value, self.errors, f"{self.place}{key}.")
        if value is not None:
            self.expect(key, "a table", value)
        return None

    def tables(self, key: str, *, required: bool = False) -> "list[Table]":
        """Return a list of tables, at least one if required; empty if there is an error."""
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
