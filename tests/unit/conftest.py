"""What every unit test leaves as it was."""

import logging
from collections.abc import Iterator

import pytest

from streams.telemetry.logs import OWN_PACKAGES


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Restore the logging configuration, which every command changes."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)
    for package in OWN_PACKAGES:
        logging.getLogger(package).setLevel(logging.NOTSET)
