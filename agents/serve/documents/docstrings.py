"""The docstrings of types as descriptions in schemas: the meaning of the whole, and of each attribute."""

import re
from inspect import cleandoc
from typing import Final

_ATTRIBUTE: Final = re.compile(r"(\w+): (.*)")
_HEADING: Final = "Attributes:"


def meaning_of(docstring: str) -> str:
    """Return what a docstring says before its attributes, as one line."""
    return " ".join(cleandoc(docstring).partition(_HEADING)[0].split())


def attributes_of(docstring: str) -> dict[str, str]:
    """Return the meaning of each attribute that a docstring (Google style) describes."""
    found: dict[str, str] = {}
    name = ""
    for line in cleandoc(cleandoc(docstring).partition(_HEADING)[2]).splitlines():
        begins = _ATTRIBUTE.fullmatch(line)
        if begins:
            name, found[begins[1]] = begins[1], begins[2]
        elif name and line.strip():
            found[name] += f" {line.strip()}"
    return found
