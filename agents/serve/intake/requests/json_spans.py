"""Cut a JSON text into its members or elements with Python's own parser.

It takes ten times as long as msgspec, and is for the few bodies that msgspec does not read (it does not skip escaped
lone surrogates, which are no error in a field that nobody knows), or whose repeated names matter.
"""

import json
import re
from typing import Final, NoReturn

_GAP: Final = re.compile(r"[ \t\r\n,:]*")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse)


def check_json(text: str) -> None:
    """Return if a text is JSON.

    Raises:
        ValueError: it is not.
        RecursionError: it is nested too deeply to know.
    """
    _DECODER.decode(text)


def cut_elements(text: str) -> list[str]:
    """Return the elements of an array, each as it is written; raise as `check_json` does."""
    check_json(text)
    elements, at = [], _skip_gap(text, 1)
    while text[at] != "]":
        _, end = _DECODER.raw_decode(text, at)
        elements.append(text[at:end])
        at = _skip_gap(text, end)
    return elements


def cut_members(text: str) -> list[tuple[str, str]]:
    """Return the members of an object by name, each value as it is written; raise as `check_json` does."""
    check_json(text)
    members, at = [], _skip_gap(text, 1)
    while text[at] != "}":
        name, end = _DECODER.raw_decode(text, at)
        at = _skip_gap(text, end)
        _, end = _DECODER.raw_decode(text, at)
        members.append((name, text[at:end]))
        at = _skip_gap(text, end)
    return members


def _skip_gap(text: str, at: int) -> int:
    gap = _GAP.match(text, at)
    assert gap is not None
    return gap.end()
