"""What the demo runs on: the embedded broker and Redis, and a worker and the pages in separate processes.

The processes are separate because a busy worker leaves no time on its event loop for a screen. So the demo shows what
any program sees that reads the topics.
"""

import asyncio
import os
import shutil
import sys
import sysconfig
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import agents
import state
import streams
from agents.demo.embedded.broker import Embedded
from agents.demo.embedded.child_process import Child
from agents.demo.embedded.loopback import HOST, free_port, is_free
from streams.clock import Clock
from streams.kafka.topics import create_topics
from streams.settings.settings import Settings

READY_TIMEOUT_S: Final = 60.0
"""Measured: 3 to 6 s on two busy cores."""

_POLL_S: Final = 0.05
_WORKER: Final = "agents.demo.embedded.worker"
_PAGE_SERVER: Final = "agents.demo.embedded.page_server"
_PAGE_PORT: Final = 6067
"""That of `goldstream serve`, if it is free."""


class StackError(Exception):
    """The demo cannot go on; the message says why and what to do, in one line."""


class Stack:
    """Broker, Redis and worker, with their files in a folder that is removed at the end.

    All topics have one partition. Events published in order then reach the worker in that order, whatever the batches
    are, and every run gives the same result. With several partitions, event mode is exact only for events that were
    published before the worker started.

    Constructing a stack creates the folder below `data` and chooses the ports, but starts nothing.

    Attributes:
        settings: how other programs reach it.
        page: address of the pages; None if they are not served.

    Raises:
        StackError: the folder cannot be created.
        EmbeddedError: the embedded broker is not available.
    """

    def __init__(self, data: Path, clock: Clock, *, has_pages: bool = False) -> None:
        self._clock = clock
        self._created_folders = [each for each in (data, *data.parents) if not each.exists()]
        try:
            data.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="demo-", dir=data))
        except OSError as error:
            message = f"the demo cannot write to {data} ({error.strerror}); set GOLDSTREAM_DATA to another folder"
            raise StackError(message) from error
        try:
            self._embedded = Embedded(self.folder / "embedded", clock)
        except BaseException:
            self._remove()
            raise
        here = Path(__file__).parent
        self.settings = Settings(
            kafka=self._embedded.kafka,
            redis=self._embedded.redis,
            partitions=1,
            time="event",
            lateness_ms=0,
            policy=here / "cdnow.toml",
            campaigns=here / "cdnow-campaigns.toml",
            http=f"{HOST}:{free_port()}",
            data=self.folder / "worker",
        )
        self._worker = Child(
            [sys.executable, "-P", "-m", _WORKER],
            log=self.folder / "worker.log",
            env=_worker_environment(self.settings),
        )
        self.page: str | None = None
        self._page_server: Child | None = None
        if has_pages and find_spec("litestar") is not None:
            address = f"{HOST}:{_PAGE_PORT if is_free(_PAGE_PORT) else free_port()}"
            self.page = f"http://{address}/"
            own = {"GOLDSTREAM_API": address, "GOLDSTREAM_DATA": str(self.folder / "pages")}
            self._page_server = Child(
                [sys.executable, "-P", "-m", _PAGE_SERVER],
                log=self.folder / "pages.log",
                env=_worker_environment(self.settings) | own,
            )

    async def start(self) -> None:
        """Start all of them, the pages first, and wait until the worker is ready.

        Raises:
            EmbeddedError: the broker or Redis did not start.
            StackError: the worker did not.
        """
        if self._page_server is not None:
            self._page_server.start()
        await self._embedded.start()
        await create_topics(self.settings)
        self._worker.start()
        await self._wait_until_ready()

    def close(self) -> None:
        """Kill all processes and remove the folder; there is nothing to save."""
        if self._page_server is not None:
            self._page_server.kill()
        self._worker.kill()
        self._embedded.kill()
        self._remove()

    def watch_worker(self) -> None:
        """Check that the worker is still running.

        Raises:
            StackError: it has ended.
        """
        if not self._worker.running:
            status, last_line = self._worker.returncode, self._worker.tail(1)
            message = f"the demo's worker ended with status {status}; its last log line: {last_line or 'none'}"
            raise StackError(message)

    async def watch(self) -> None:
        """Check the worker every second, until cancelled.

        Raises:
            StackError: the worker has ended.
        """
        while True:
            self.watch_worker()
            await asyncio.sleep(1)

    async def _wait_until_ready(self) -> None:
        deadline = self._clock.monotonic() + READY_TIMEOUT_S
        host, port = self.settings.http_address
        while not await _is_ready(host, port):
            self.watch_worker()
            if self._clock.monotonic() > deadline:
                message = f"the demo's worker was not ready within {READY_TIMEOUT_S:.0f} s: {self._worker.tail(1)}"
                raise StackError(message)
            await asyncio.sleep(_POLL_S)

    def _remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in self._created_folders:
            try:
                folder.rmdir()
            except OSError:  # another process put something there
                return


def environment_variables(settings: Settings) -> dict[str, str]:
    """Return the environment variables with which other programs reach the demo's stack."""
    return {
        "GOLDSTREAM_KAFKA": settings.kafka,
        "GOLDSTREAM_REDIS": settings.redis or "",
        "GOLDSTREAM_PREFIX": settings.prefix,
        "GOLDSTREAM_TIME": settings.time,
    }


def _worker_environment(settings: Settings) -> dict[str, str]:
    """Return the worker's environment: this same program, and none of the user's own settings."""
    own = {name: text for name, text in os.environ.items() if not name.startswith("GOLDSTREAM_")}
    return (
        own
        | environment_variables(settings)
        | {
            "PYTHONPATH": worker_search_path(),
            "GOLDSTREAM_POLICY": str(settings.policy),
            "GOLDSTREAM_CAMPAIGNS": str(settings.campaigns),
            "GOLDSTREAM_HTTP": settings.http,
            "GOLDSTREAM_DATA": str(settings.data),
        }
    )


def worker_search_path() -> str:
    """Return PYTHONPATH for the worker: where this process found its packages, compiled ones first if it has them.

    Installed packages are left out: they must come after the standard library.
    """
    installed = Path(sysconfig.get_path("purelib"))
    of_packages = (Path(package.__file__ or "").absolute().parents[1] for package in (state, streams, agents))
    own = dict.fromkeys(str(each) for each in of_packages if each != installed)
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return os.pathsep.join(each for each in (*own, *given) if each)


async def _is_ready(host: str, port: int) -> bool:
    """Return whether `/ready` answers 200."""
    writer = None
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(host, port)
            writer.write(f"GET /ready HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())
            return b" 200 " in await reader.readline()
    except (OSError, TimeoutError):
        return False
    finally:
        if writer is not None:
            writer.close()
