"""Errors that end the process, and how any error reads in one line."""

import re
from typing import Final

_ADDRESS: Final = re.compile(r"\('([^']+)', (\d+), <AddressFamily\.\w+: -?\d+>\)")


class FatalError(Exception):
    """A fault that a restart does not fix: the worker stops and reports what to do."""


def describe_error(error: BaseException) -> str:
    """Return the type and the message of an error in one line; addresses as `host:port`."""
    kind, message = type(error).__name__, " ".join(str(error).split())
    message = _ADDRESS.sub(r"\1:\2", message)
    if not message or message == kind or message.startswith(f"{kind}: "):  # aiokafka's messages begin with the type
        return message or kind
    return f"{kind}: {message}"
