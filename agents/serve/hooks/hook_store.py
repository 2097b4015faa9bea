"""The hooks in force: those of a file."""

from pathlib import Path

from agents.serve.access.private_files import read_private
from agents.serve.access.watched_file import WatchedFile
from agents.serve.hooks.hook import Hook
from agents.serve.hooks.hook_file import Hooks, parse_hooks
from streams.clock import Clock


def read_hooks(path: Path) -> Hooks:
    """Return the hooks of a file.

    Raises:
        OSError: it cannot be read.
        ConfigErrors: others may read it, or it is not valid; with all errors.
    """
    return parse_hooks(read_private(path), path)


class HookStore:
    """The hooks of a file, which is read again when it changes; none without a file.

    Without the file that there was at the start, the earlier hooks remain, so that no order is lost.
    """

    def __init__(self, path: Path | None, clock: Clock) -> None:
        """Read the file.

        Raises:
            OSError: it cannot be read.
            ConfigErrors: others may read it, or it is not valid; with all errors.
        """
        self._file = None if path is None else WatchedFile(path, read_hooks, "hooks", clock)

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
        return {} if self._file is None else self._file.current()
