"""What is wrong with a file that a shop wrote: every fault at once, each in one line.

A fault names the thing, the value and the way out: `recency_days.edges must rise: got [60, 60]`.
"""

import difflib
from collections.abc import Collection, Sequence
from typing import Final

MAX_LISTED: Final = 10
_MAX_SHOWN: Final = 60
_MAX_COMPARED: Final = 64
_MAX_BITS: Final = 200


class ConfigErrors(Exception):
    """A file is refused.

    Attributes:
        faults: every fault found, one line each, never empty.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        """Keep every fault, in the order in which they were found."""
        super().__init__("\n".join(faults))
        self.errors = tuple(faults)


def format_value(value: object, depth: int = 0) -> str:
    """Write a value of the file much as TOML would, in one line, cut where it is long or deep."""
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
    """Bring a text into one line that can be printed, and cut it where it is long."""
    line = "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text[: _MAX_SHOWN + 1])
    return line if len(text) <= _MAX_SHOWN else line[:_MAX_SHOWN] + "…"


def suggest_name(name: str, known: Collection[str]) -> str:
    """The way out of an unknown name: the one that was probably meant, else those that there are."""
    close = difflib.get_close_matches(name[:_MAX_COMPARED], known, n=1)
    if close:
        return f"did you mean {close[0]}?"
    listed = list(known)[:MAX_LISTED]
    return f"known are {', '.join(listed)}" + (", …" if len(known) > MAX_LISTED else "")
