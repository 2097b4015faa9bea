"""Run promtool, which checks files as Prometheus does."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def run_promtool(*arguments: str | Path, text: str | None = None) -> None:
    """Run promtool, with `text` as its standard input if given, and fail with its output.

    Without promtool the test is skipped with a reason, and fails in CI.
    """
    program = shutil.which("promtool")
    if program is None:
        reason = "NOT CHECKED: promtool is missing; install the package `prometheus` of Debian, or Prometheus itself"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    command = [program, *map(str, arguments)]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
