"""Run a command on a pseudo-terminal and answer what it asks."""

import os
import pty
import select
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
_SILENT_S: Final = 60.0


class Shown(NamedTuple):
    """The exit status of a command, and what the terminal showed."""

    status: int
    text: str


def answer_on_a_terminal(
    replies: Sequence[str], *arguments: str, folder: Path, environment: Mapping[str, str] | None = None
) -> Shown:
    """Run a command of `goldstream`, and reply to each question (`…]: `) when it is asked.

    Raises:
        AssertionError: it asks more or less than there are replies, or is silent for a minute.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "import sys; from agents.cli import main; sys.exit(main())", *arguments]
    own = {**(os.environ if environment is None else environment), "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    left, shown = list(replies), b""
    with subprocess.Popen(command, cwd=folder, env=own, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        while True:
            if not select.select([ours], [], [], _SILENT_S)[0]:
                process.kill()
                raise AssertionError(f"it waits for something else: {shown.decode()}")
            try:
                piece = os.read(ours, 4096)
            except OSError:  # Linux: the other side is closed
                break
            if not piece:
                break
            shown += piece
            if shown.endswith(b"]: ") and left:
                os.write(ours, left.pop(0).encode() + b"\n")
    os.close(ours)
    assert left == [], shown.decode()
    return Shown(process.returncode, shown.decode().replace("\r\n", "\n"))
