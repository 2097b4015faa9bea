"""A server for the time of a fixture."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

import pytest

from tests.servers import Missing


class Server(Protocol):
    """What can be started and stopped."""

    def start(self) -> None:
        """Start it."""

    def stop(self) -> None:
        """Stop it."""


AnyServer = TypeVar("AnyServer", bound=Server)


@contextmanager
def started(make: Callable[[], AnyServer]) -> Iterator[AnyServer]:
    """Make a server, start it, and stop it in the end; skip the test where it is missing, which fails in CI."""
    try:
        server = make()
        server.start()
    except Missing as missing:
        pytest.skip(str(missing))
    try:
        yield server
    finally:
        server.stop()
