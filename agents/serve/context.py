"""What the routes of a server share: its settings, clock and metrics, and the services that packages add.

A handler takes it by the name `context`: `async def show(context: Context) -> ...`.
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from agents.serve.access.access_control import AccessControl
from agents.serve.hooks.reception import HookReception
from agents.serve.intake.intake import Intake
from agents.serve.lookups.changes.feed import ChangeFeed
from agents.serve.lookups.lookups import create_lookups
from agents.serve.lookups.policies.diffs import PolicyDiffs
from agents.serve.pages.live_pages import LivePages
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
        access: who may do what.
        spool: folder of `--spool`, if given.
        lookups: answers from Redis and Kafka.
        change_feed: streams segment changes.
        policy_diffs: compares policies in the background.
        live_pages: keeps open pages up to date.
        intake: checks events, and publishes or stores them.
        hooks: takes webhooks.
        stopping: set on SIGTERM: streams end, nothing new is accepted.
        waiting: by name, functions that return what the server waits for before it is ready, or None.
    """

    def __init__(self, settings: Settings, clock: Clock, metrics: Metrics, spool: Path | None = None) -> None:
        """Take what the process has read; the rest is added by services.

        Raises:
            OSError: a file cannot be read, or the key of the sessions neither read nor stored.
            ConfigErrors: others may read one of them, or a file is not valid; with all errors.
        """
        self.settings = settings
        self.clock = clock
        self.metrics = metrics
        self.access = AccessControl(settings, clock, metrics)
        self.spool = spool
        self.intake = Intake(settings, clock, metrics, spool)
        self.hooks = HookReception(settings, clock, self.intake, spool)
        self.stopping = asyncio.Event()
        self.lookups = create_lookups(settings, clock)
        self.change_feed = ChangeFeed(settings, clock)
        self.policy_diffs = PolicyDiffs(settings, self.stopping)
        self.live_pages = LivePages(self.lookups, self.change_feed, clock)
        self.waiting: dict[str, Callable[[], str | None]] = {}

    def unready(self) -> list[str]:
        """Return what the server waits for, or that it stops."""
        if self.stopping.is_set():
            return ["stopping"]
        return [reason for ask in self.waiting.values() if (reason := ask()) is not None]


Context = NamedDependency[SkipValidation[ServeContext]]
"""The type of the parameter `context` of a handler."""
