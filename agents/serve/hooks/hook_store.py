"""The hooks in force: those of the file, which is read again when it changes."""

import logging
from math import inf
from pathlib import Path
from typing import Final

from agents.serve.access.private_files import read_private
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.hook_file import Hooks, parse_hooks
from state.config.config_errors import ConfigErrors
from streams.clock import Clock
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often the file is looked at, while there are requests."""
LOG_SECONDS: Final = 60.0


def read_hooks(path: Path) -> Hooks:
    """Return the hooks of a file.

    Raises:
        OSError: it cannot be read.
        ConfigErrors: others may read it, or it is not valid; with all errors.
    """
    return parse_hooks(read_private(path), path)


class HookStore:
    """The hooks of a file; none without a file.

    A file that becomes invalid or disappears changes nothing, so that a slip of an editor loses no order; the error is
    logged every minute.
    """

    def __init__(self, path: Path | None, clock: Clock) -> None:
        """Read the file.

        Raises:
            OSError: it cannot be read.
            ConfigErrors: others may read it, or it is not valid; with all errors.
        """
        self._path = path
        self._clock = clock
        self._throttle = LogThrottle(clock, LOG_SECONDS)
        self._looked_at = -inf
        self._version = self._current_version()
        self._hooks: Hooks = read_hooks(path) if path is not None else {}

    def find(self, platform: str, name: str) -> Hook | None:
        """Return a hook; None if there is none."""
        return self._current().get((platform, name))

    def find_route(self, route: str) -> Hook | None:
        """Return the hook by which events come on this route; None if there is none any more."""
        platform, _, name = route.removeprefix("hook:").partition("/")
        return self.find(platform, name)

    def of_platform(self, platform: str) -> list[Hook]:
        """Return the hooks of a platform."""
        return [hook for hook in self._current().values() if hook.platform == platform]

    def _current(self) -> Hooks:
        now = self._clock.monotonic()
        if self._path is not None and now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._look(self._path)
        return self._hooks

    def _look(self, path: Path) -> None:
        version = self._current_version()
        if version == self._version:
            return
        try:
            self._hooks = read_hooks(path)
        except (OSError, ConfigErrors) as error:
            if self._throttle.should_log(str(error)):
                log.error("the earlier hooks remain valid: %s", error)  # noqa: TRY400 - one line for an operator
            return
        self._version = version
        log.info("%d hooks are in force", len(self._hooks))

    def _current_version(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat() if self._path is not None else None
        except OSError:
            return None
        return None if status is None else (status.st_mtime_ns, status.st_ino, status.st_size)
