"""What the routes of a server share: its settings, clock and metrics, and the services that packages add.

A handler takes it by the name `context`: `async def show(context: Context) -> ...`.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from litestar.params import Dependency

from streams.clock import Clock
from streams.settings.settings import Settings
from streams.telemetry.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable


class ServeContext:
    """What the routes of a server share.

    Attributes:
        settings: of the process.
        clock: the only source of the time.
        metrics: of the process.
        spool: folder of `--spool`, if given.
        stopping: set on SIGTERM: streams end, nothing new is accepted.
        waiting: by name, functions that return what the server waits for before it is ready, or None.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, spool: Path | None = None) -> None:
        self.settings = settings
        self.clock = clock
        self.metrics = metrics
        self.spool = spool
        self.stopping = asyncio.Event()
        self.waiting: dict[str, Callable[[], str | None]] = {}

    def unready(self) -> list[str]:
        """Return what the server waits for, or that it stops."""
        if self.stopping.is_set():
            return ["stopping"]
        return [reason for ask in self.waiting.values() if (reason := ask()) is not None]


Context = Annotated[ServeContext, Dependency(skip_validation=True)]
"""The type of the parameter `context` of a handler."""
