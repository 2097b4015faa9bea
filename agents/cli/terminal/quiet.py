"""Whether the running command was given `--quiet`, and notes that it then leaves out."""

from agents.cli.failures import print_error


class _Quiet:
    is_on = False


def set_quiet(*, quiet: bool) -> None:
    """Begin a command: `--quiet` or not."""
    _Quiet.is_on = quiet


def is_quiet() -> bool:
    """Return whether the command shows only its result and errors."""
    return _Quiet.is_on


def note(line: str) -> None:
    """Write what a user need not read, such as a next step, to standard error; nothing with `--quiet`."""
    if not _Quiet.is_on:
        print_error(line)
