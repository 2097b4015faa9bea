"""The rights on Kafka that deploy/README.md lists, by the programs whose users need them."""

import re
from pathlib import Path
from typing import Final

from tests.servers.protected_kafka import Right

WORKERS_ROW: Final = "`worker`, `doctor`, `topics`"
"""The first column of what a worker needs."""
_PAGE: Final = Path(__file__).parents[3] / "deploy/README.md"
_ROW: Final = re.compile(r"^\| (.*?) ?\| ((?:topic|group|transactional id)s? `.*) \| (.*) \|$", re.MULTILINE)
_ON: Final = re.compile(r"(topic|group|transactional id)s? `([^`]*)`")
_OPERATION: Final = re.compile(r"\b(?:Read|Write|Create|DescribeConfigs|Describe)\b")


def listed_rights(prefix: str, new_prefix: str = "new") -> dict[str, list[Right]]:
    """Return the rights by the words of the first column; `new_prefix` is that of a replay."""
    found: dict[str, list[Right]] = {}
    program = ""
    for first, on, operations in _ROW.findall(_PAGE.read_text("utf-8")):
        program = first or program
        ((kind, name),) = _ON.findall(on)
        name = name.replace("<prefix>", prefix).replace("<new prefix>", new_prefix)
        found.setdefault(program, []).append(Right(kind, name, tuple(_OPERATION.findall(operations))))
    return found
