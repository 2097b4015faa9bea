"""What is measured over HTTP: `goldstream serve`, and next to it a bare Litestar handler."""

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from agents.demo.embedded.child_process import Child
from bench.testbed.broker import BenchFailed
from bench.testbed.workers import PROGRAM, import_path
from streams.settings.settings import Settings

_LISTENING: Final = re.compile(r"serve: (http://127\.0\.0\.1:\d+)")
_LISTENS_WITHIN_S: Final = 60.0


@contextlib.asynccontextmanager
async def running_serve(settings: Settings, directory: Path) -> AsyncIterator[tuple[str, Child]]:
    """Run `goldstream serve`; yield its address and its process.

    Raises:
        BenchFailed: it did not start.
    """
    environment = {
        "GOLDSTREAM_KAFKA": settings.kafka,
        "GOLDSTREAM_PREFIX": settings.prefix,
        "GOLDSTREAM_TIME": settings.time,
        "GOLDSTREAM_REDIS": settings.redis or "",
        "GOLDSTREAM_API": "127.0.0.1:0",
        "GOLDSTREAM_DATA": str(directory / "serve"),
    }
    async with _running([sys.executable, "-P", "-c", PROGRAM, "serve"], directory / "serve.log", environment) as server:
        yield server


@contextlib.asynccontextmanager
async def running_bare_handler(directory: Path) -> AsyncIterator[tuple[str, Child]]:
    """Run Litestar with a handler that only reads the body, on the same server; yield its address and its process.

    Raises:
        BenchFailed: it did not start.
    """
    command = [sys.executable, "-P", "-m", "bench.serving.bare_handler"]
    async with _running(command, directory / "bare.log", {}) as server:
        yield server


@contextlib.asynccontextmanager
async def _running(command: list[str], log: Path, settings: dict[str, str]) -> AsyncIterator[tuple[str, Child]]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("GOLDSTREAM_")}
    child = Child(command, log=log, env=inherited | settings | {"PYTHONPATH": import_path()})
    child.start()
    try:
        deadline_s = time.monotonic() + _LISTENS_WITHIN_S
        while not (found := _LISTENING.search(child.tail(10))):
            if not child.running or time.monotonic() > deadline_s:
                raise BenchFailed(f"{log.stem} did not start; the end of its log:\n{child.tail(10)}")
            await asyncio.sleep(0.1)
        yield found[1], child
    finally:
        child.kill()
