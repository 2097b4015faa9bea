"""Completion in bash, sourced as a user does: commands, subcommands, options and their values."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """\
eval "$(goldstream --show-completion)"
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_goldstream_completion goldstream
echo "${COMPREPLY[*]}"
"""


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        (["goldstream", "po"], {"policy"}),
        (["goldstream", "policy", ""], {"check", "apply", "show", "history", "suggest", "diff"}),
        (["goldstream", "rejected", "re"], {"resend"}),
        (["goldstream", "policy", "apply", "--d"], {"--dry-run"}),
        (["goldstream", "worker", "--only", ""], {"admit", "segment", "project"}),
    ],
)
def test_bash_completes(words: list[str], completed: set[str]) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", PROGRAM, "bash", *words],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == completed, done.stderr
