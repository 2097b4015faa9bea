"""Fixtures of the fault tests."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.conftest import seed, site

__all__ = ["place", "scene_seed", "seed", "site"]


@pytest.fixture(scope="module")
def scene_seed() -> int:
    """The seed of all scenarios of a module; see `seed`."""
    chosen = int(os.environ.get("TEST_SEED") or (1 if os.environ.get("CI") else secrets.randbelow(2**32)))
    print(f"TEST_SEED={chosen}")
    return chosen


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], tuple[str, Path]]:
    """Return a function that makes a unique prefix and a folder for it."""

    def made() -> tuple[str, Path]:
        prefix = f"t{secrets.token_hex(6)}"
        return prefix, tmp_path_factory.mktemp(prefix)

    return made
