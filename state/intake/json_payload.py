"""The JSON object that a record's value is, or why it is none."""

import json
import re
from typing import Final, NoReturn

from state.intake.admission_result import Rejected

MAX_BYTES: Final = 64 * 1024
"""The greatest length of a value."""

MAX_DEPTH: Final = 500
"""How deep arrays and objects may lie in each other: what both JSON readers manage well within Python's own limit."""

SHALLOW_BYTES: Final = 2 * MAX_DEPTH
"""Up to this length no value lies deeper, as every bracket must be closed."""

_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)  # an open string ends with the text


class JsonNumber(str):
    """A JSON number, as it was written: it is never made a float, nor an int that is too dear to make."""

    __slots__ = ()


def is_within_bounds(value: bytes) -> bool:
    """Whether the value surely lies within `MAX_BYTES` and `MAX_DEPTH`, told without reading it."""
    return len(value) <= MAX_BYTES and _brackets(value) <= MAX_DEPTH


def read_object(value: bytes | None) -> dict[str, object] | Rejected:
    """The object that a record's value holds, its numbers as `JsonNumber`; of a repeated key the last one counts.

    Strings may hold lone surrogates, which JSON can write; whether they do any harm depends on the field.
    """
    if value is None:
        return Rejected("malformed", "value must be a JSON object: got null")
    if len(value) > MAX_BYTES:
        return Rejected("oversize", f"value must be at most {MAX_BYTES} bytes: got {len(value)}")
    try:
        text = value.decode()
    except UnicodeDecodeError as error:
        wrong = value[error.start]
        return Rejected("malformed", f"value must be UTF-8: got byte 0x{wrong:02x} at {error.start}")
    if _brackets(value) > MAX_DEPTH and _is_too_deep(text):
        return Rejected("malformed", f"value must be at most {MAX_DEPTH} levels deep: got more")
    try:
        found = json.loads(text, parse_int=JsonNumber, parse_float=JsonNumber, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        return Rejected("malformed", f"value must be JSON: got {error.msg!r} at character {error.pos}")
    except (ValueError, RecursionError) as error:
        return Rejected("malformed", f"value must be JSON: got {error}")
    if not isinstance(found, dict):
        kind = "an array" if isinstance(found, list) else "a single value"
        return Rejected("malformed", f"value must be a JSON object: got {kind}")
    return found


def _brackets(value: bytes) -> int:
    return value.count(b"[") + value.count(b"{")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _is_too_deep(text: str) -> bool:
    """Whether more than `MAX_DEPTH` brackets outside of strings are open at once anywhere."""
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token[0] in "]}":
            depth -= 1
    return False
