"""The bounds and the syntax of a record's value: at most 64 KiB, not too deep, and one JSON object in UTF-8."""

import json
import re
from typing import Final, NoReturn

from msgspec import Raw

from state.intake.admission_result import Rejected
from state.records.reasons import RejectionReason

MAX_BYTES: Final = 64 * 1024
"""Maximum length of a value."""

MAX_DEPTH: Final = 500
"""Maximum nesting of arrays and objects: what both JSON readers manage well within Python's recursion limit."""

SAFE_BYTES: Final = 2 * MAX_DEPTH
"""A value up to this length is not too deep, since every bracket must be closed."""

_TOKEN: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)  # an open string ends with the value


def check_bounds(value: bytes) -> Rejected | None:
    """Return why the value is not even parsed: it is too long or too deep; None if it is within the bounds."""
    if len(value) > MAX_BYTES:
        return Rejected(RejectionReason.OVERSIZE, f"value must be at most {MAX_BYTES} bytes: got {len(value)}")
    if value.count(b"[") + value.count(b"{") > MAX_DEPTH and _is_too_deep(value):
        return malformed(f"at most {MAX_DEPTH} levels deep: got more")
    return None


def parse_object(value: bytes) -> dict[str, object] | Rejected:
    """Return the JSON object of a value, with each number as `Raw`: as it is written, whatever its size.

    The last of repeated keys counts. A null counts as absent, at every depth. Strings may contain lone surrogates.
    """
    try:
        found = json.loads(
            value.decode(), object_pairs_hook=_without_nulls, parse_int=Raw, parse_float=Raw, parse_constant=_refuse
        )
    except UnicodeDecodeError as error:
        return malformed(f"UTF-8: got byte 0x{value[error.start]:02x} at {error.start}")
    except json.JSONDecodeError as error:
        return malformed(f"JSON: got {error.msg!r} at character {error.pos}")
    except (ValueError, RecursionError) as error:
        return malformed(f"JSON: got {error}")
    if not isinstance(found, dict):
        return malformed(f"a JSON object: got {'an array' if isinstance(found, list) else 'a single value'}")
    return found


def malformed(expected: str) -> Rejected:
    """Return the rejection of a value that is not as expected."""
    return Rejected(RejectionReason.MALFORMED, f"value must be {expected}")


def _without_nulls(members: list[tuple[str, object]]) -> dict[str, object]:
    return {name: member for name, member in dict(members).items() if member is not None}


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _is_too_deep(value: bytes) -> bool:
    """Return whether more than `MAX_DEPTH` brackets outside of strings are open at once."""
    depth = 0
    for token in _TOKEN.finditer(value):
        if token[0] in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif token[0] in b"]}":
            depth -= 1
    return False
