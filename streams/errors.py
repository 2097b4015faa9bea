"""Errors that end the process or an attempt, and how any error reads in one line."""

import asyncio
import re
from typing import Final

_ADDRESS: Final = re.compile(r"\('([^']+)', (\d+), <AddressFamily\.\w+: -?\d+>\)")


class FatalError(Exception):
    """A fault that a restart does not fix: the worker stops and reports what to do."""


class StrayCancellationError(Exception):
    """A `CancelledError` came out of something that nobody has cancelled.

    aiokafka's consumer raises one when it is stopped while it pauses between two attempts to fetch (`Fetcher.close`). A
    task that let it pass would end as if it had been cancelled: without a log line, and for good.
    """

    def __init__(self) -> None:
        super().__init__("cancelled by a Kafka client that was stopped without a broker")


def is_cancelled() -> bool:
    """Return whether the current task is being cancelled; if it is not, a `CancelledError` is a stray one."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def describe_error(error: BaseException) -> str:
    """Return the type and the message of an error in one line; addresses as `host:port`."""
    kind, message = type(error).__name__, " ".join(str(error).split())
    message = _ADDRESS.sub(r"\1:\2", message)
    if not message or message == kind or message.startswith(f"{kind}: "):  # aiokafka's messages begin with the type
        return message or kind
    return f"{kind}: {message}"
