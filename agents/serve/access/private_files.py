"""Read files with secrets, which nobody else may read."""

import os
import stat
from pathlib import Path

from state.config.config_errors import ConfigErrors


def read_private(path: Path) -> str:
    """Return the text of a file.

    Raises:
        OSError: it cannot be read.
        ConfigErrors: others may read it, or it is not UTF-8.
    """
    with path.open("rb") as file:
        check_private(path, os.fstat(file.fileno()))
        content = file.read()
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ConfigErrors([f"{path}: is not UTF-8; save it as UTF-8"]) from None


def check_private(path: Path, status: os.stat_result) -> None:
    """Refuse a file that more people may read than need to.

    The group may read a file of another owner: so does Kubernetes mount a secret for a process that is not root.

    Raises:
        ConfigErrors: with the remedy.
    """
    allowed = stat.S_IRGRP if status.st_uid != os.geteuid() else 0
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO) & ~allowed:
        mode = stat.S_IMODE(status.st_mode)
        raise ConfigErrors([f"{path}: must be private to its owner: got mode {mode:04o}; run `chmod 600 {path}`"])
