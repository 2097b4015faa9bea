"""What the demo runs on: the embedded broker and Redis, and a worker in a process of its own.

A process of its own, since a worker that is busy leaves nothing of its event loop to a screen; and what the demo shows
is what any program sees that reads the topics.
"""

import asyncio
import os
import shutil
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Final

from agents.demo.embedded.broker import Embedded
from agents.demo.embedded.child_process import Child
from agents.demo.embedded.loopback import HOST, free_port
from streams.clock import Clock
from streams.kafka.topics import create_topics
from streams.settings.settings import Settings

READY_TIMEOUT_S: Final = 60.0
"""Measured: 3 to 6 s on two busy cores."""

_LOOK_AGAIN_S: Final = 0.05
_WORKER: Final = "agents.demo.embedded.worker"


class StackError(Exception):
    """The demo cannot go on; the message says why and what to do, in one line."""


class Stack:
    """Broker, Redis and worker, with what they keep in a folder of its own that is removed in the end.

    All topics have one partition: the events, published in their order, then reach the worker in that order however
    they are cut, and every run tells the same story. With several, event mode is exact only for what was published
    before the worker started.

    Attributes:
        settings: how other programs reach it.
    """

    def __init__(self, data: Path, clock: Clock) -> None:
        """Make the folder, below `data`, and choose the ports, without starting anything.

        Raises:
            StackError: the folder cannot be made.
            EmbeddedError: the embedded broker is not to be had.
        """
        self._clock = clock
        self._made = [each for each in (data, *data.parents) if not each.exists()]
        try:
            data.mkdir(parents=True, exist_ok=True)
            self.folder = Path(tempfile.mkdtemp(prefix="demo-", dir=data))
        except OSError as error:
            message = f"the demo cannot write to {data} ({error.strerror}); name another folder by GOLDSTREAM_DATA"
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
            [sys.executable, "-P", "-m", _WORKER], log=self.folder / "worker.log", env=_environment(self.settings)
        )

    async def start(self) -> None:
        """Start all three and wait until the worker is ready.

        Raises:
            EmbeddedError: the broker or Redis did not start.
            StackError: the worker did not.
        """
        await self._embedded.start()
        await create_topics(self.settings)
        self._worker.start()
        await self._until_ready()

    def close(self) -> None:
        """End what was started, at once, since nothing of it is kept, and remove the folder."""
        self._worker.kill()
        self._embedded.kill()
        self._remove()

    def watch_worker(self) -> None:
        """Look whether the worker still runs.

        Raises:
            StackError: it has ended.
        """
        if not self._worker.running:
            status, said = self._worker.returncode, self._worker.tail(1)
            message = f"the demo's worker ended with status {status}; it said last: {said or 'nothing'}"
            raise StackError(message)

    async def watch(self) -> None:
        """Look every now and then, until cancelled.

        Raises:
            StackError: the worker has ended.
        """
        while True:
            self.watch_worker()
            await asyncio.sleep(1)

    async def _until_ready(self) -> None:
        deadline = self._clock.monotonic() + READY_TIMEOUT_S
        host, port = self.settings.http_address
        while not await _is_ready(host, port):
            self.watch_worker()
            if self._clock.monotonic() > deadline:
                message = f"the demo's worker was not ready within {READY_TIMEOUT_S:.0f} s: {self._worker.tail(1)}"
                raise StackError(message)
            await asyncio.sleep(_LOOK_AGAIN_S)

    def _remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in self._made:
            try:
                folder.rmdir()
            except OSError:  # somebody else has put something there
                return


def environment_variables(settings: Settings) -> dict[str, str]:
    """The environment variables by which other programs reach the demo's stack."""
    return {
        "GOLDSTREAM_KAFKA": settings.kafka,
        "GOLDSTREAM_REDIS": settings.redis or "",
        "GOLDSTREAM_PREFIX": settings.prefix,
        "GOLDSTREAM_TIME": settings.time,
    }


def _environment(settings: Settings) -> dict[str, str]:
    """The worker's environment: nothing of the user's own settings, and this same program wherever it is started."""
    own = {name: text for name, text in os.environ.items() if not name.startswith("GOLDSTREAM_")}
    return (
        own
        | environment_variables(settings)
        | {
            "PYTHONPATH": _search_path(),
            "GOLDSTREAM_POLICY": str(settings.policy),
            "GOLDSTREAM_CAMPAIGNS": str(settings.campaigns),
            "GOLDSTREAM_HTTP": settings.http,
            "GOLDSTREAM_DATA": str(settings.data),
        }
    )


def _search_path() -> str:
    """Where Python looks for these packages; installed ones it finds by itself, and only after its own library."""
    packages, given = Path(__file__).parents[2], os.environ.get("PYTHONPATH")
    own = None if packages == Path(sysconfig.get_path("purelib")) else str(packages)
    return os.pathsep.join(each for each in (own, given) if each)


async def _is_ready(host: str, port: int) -> bool:
    """Whether `/ready` answers 200."""
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
