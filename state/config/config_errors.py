"""Report the errors of a configuration file: all of them together, one line each.

An error names the field, the value and the remedy: `recency_days.edges must be in ascending order: got [60, 60]`.
"""

import difflib
from collections.abc import Collection, Sequence
from typing import Final

MAX_LISTED: Final = 10
_MAX_SHOWN: Final = 60
_MAX_COMPARED: Final = 64
_MAX_BITS: Final = 200


class ConfigErrors(Exception):
    """A file is not valid.

    Attributes:
        errors: All errors in the order in which they were found, one line each; never empty.
    """

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("\n".join(errors))
        self.errors = tuple(errors)


def format_value(value: object, depth: int = 0) -> str:
    """Return a value of the file much as in TOML, on one line, shortened if it is long or deeply nested."""
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if value.bit_length() <= _MAX_BITS else f"a number of {value.bit_length()} bits"
        case str():
            return f'"{single_line(value)}"'
        case list() | tuple():
            if depth and value:
                return "[…]"
            inner = ", ".join(format_value(item, depth + 1) for item in value[:MAX_LISTED])
            return f"[{inner}, …]" if len(value) > MAX_LISTED else f"[{inner}]"
        case dict():
            return "a table"
        case _:
            return single_line(str(value))


def single_line(text: str) -> str:
    """Return a text as one printable line, shortened if it is long."""
    line = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[: _MAX_SHOWN + 1])
    return line if len(text) <= _MAX_SHOWN else line[:_MAX_SHOWN] + "…"


def suggest_name(name: str, valid: Collection[str]) -> str:
    """Return the remedy for an unknown name: the valid name that was probably meant, otherwise the valid names."""
    close = difflib.get_close_matches(name[:_MAX_COMPARED], valid, n=1)
    if close:
        return f"did you mean {close[0]}?"
    listed = list(valid)[:MAX_LISTED]
    return f"valid values: {', '.join(listed)}" + (", …" if len(valid) > MAX_LISTED else "")
