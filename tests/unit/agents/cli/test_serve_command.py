"""`goldstream serve` where the extra is not installed, and workers, which never load it."""

import importlib.util
import subprocess
import sys
from importlib.machinery import ModuleSpec

import pytest

from agents.cli import main
from agents.serve import requirements


def test_without_the_extra_the_command_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    find_spec = importlib.util.find_spec

    def find_all_but_uvicorn(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "uvicorn" else find_spec(name, package)

    monkeypatch.setattr(requirements, "find_spec", find_all_but_uvicorn)
    assert main(["serve"]) == 1
    assert capsys.readouterr().err.strip() == (
        "goldstream: goldstream serve needs uvicorn; install it with `pip install 'goldstream[serve]'`"
    )


def test_a_worker_loads_nothing_of_the_extra() -> None:
    code = "import sys, agents.worker.worker, agents.worker.stage.single_stage; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert set(requirements.NEEDED) & set(loaded) == set()
