"""A file of settings that is read again when it changes: tokens, hooks."""

import logging
from collections.abc import Callable, Sized
from math import inf
from pathlib import Path
from typing import Final, Generic, TypeVar

from state.config.config_errors import ConfigErrors
from streams.clock import Clock
from streams.telemetry.log_throttle import LogThrottle

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
"""How often the file is looked at, while there are requests; a revocation has to take effect within 10 s."""
LOG_SECONDS: Final = 60.0

Content = TypeVar("Content", bound=Sized)
_Version = tuple[int, int, int] | None


class WatchedFile(Generic[Content]):
    """What a file contains.

    A file that becomes invalid changes nothing, so that a slip of an editor stops no till; the error is logged every
    minute.
    """

    def __init__(
        self, path: Path, read: Callable[[Path], Content], what: str, clock: Clock, if_missing: Content | None = None
    ) -> None:
        """Read the file.

        Args:
            path: of the file.
            read: returns its contents; raises OSError or ConfigErrors.
            what: the contents, for the log: `tokens`.
            clock: the time.
            if_missing: applies when the file disappears; None: the earlier contents do.

        Raises:
            OSError: it cannot be read.
            ConfigErrors: others may read it, or it is not valid; with all errors.
        """
        self._path = path
        self._read = read
        self._what = what
        self._clock = clock
        self._if_missing = if_missing
        self._throttle = LogThrottle(clock, LOG_SECONDS)
        self._looked_at = -inf
        self._version = self._current_version()
        self._content = read(path)

    def current(self) -> Content:
        """Return the contents; at most once a second, look whether the file has changed."""
        now = self._clock.monotonic()
        if now - self._looked_at >= LOOK_SECONDS:
            self._looked_at = now
            self._look()
        return self._content

    def _look(self) -> None:
        version = self._current_version()
        if version is None and self._if_missing is not None:
            self._content, self._version = self._if_missing, None
            self._report(f"{self._path}: cannot be found any more, so there are no {self._what}; create it")
            return
        if version == self._version:
            return
        try:
            self._content = self._read(self._path)
        except (OSError, ConfigErrors) as error:
            self._report(f"the earlier {self._what} remain valid: {error}")
            return
        self._version = version
        log.info("%d %s are in force", len(self._content), self._what)

    def _report(self, message: str) -> None:
        if self._throttle.should_log(message):
            log.error("%s", message)

    def _current_version(self) -> _Version:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_ino, status.st_size
