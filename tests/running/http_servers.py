"""A `goldstream serve` in a process of its own, on a free port, as a user runs it.

In a test: `server = await http_server()` (a fixture of tests/integration/conftest.py, on the Apache Kafka and the
prefix of the fixture `site`), or `await http_server("--spool", str(folder), REDIS=redis_server.url)` with arguments and
settings; then `answer = await server.request("POST", "/v1/events", json={...})`, and `answer.status`,
`answer.headers`, `answer.json`. Topics: `await site.create_topics()` first. All servers stop with the test.

Without Kafka and Redis, an application can be called in the process of the test:
`litestar.testing.AsyncTestClient(create_app(ServeContext(...)))`.
"""

import re
import ssl
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import msgspec
from yarl import URL

from agents.demo.embedded.child_process import Child
from tests.running.processes import GOLDSTREAM, RunningProcess
from tests.running.workers import READY_WITHIN_S, Samples, Site, until

LISTENING: Final = re.compile(r"goldstream serve: (https?://\S+)")
ANSWER_WITHIN_S: Final = 30.0


@dataclass(frozen=True)
class HttpAnswer:
    """An answer, read to its end; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return msgspec.json.decode(self.body)


class RunningServer(RunningProcess):
    """A `goldstream serve`.

    Attributes:
        tls: what its clients trust, if it has a certificate.
    """

    def __init__(self, child: Child, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(child)
        self.tls = tls

    @property
    def url(self) -> str:
        """Its address, such as `http://127.0.0.1:40404`; empty until it is logged."""
        found = LISTENING.search(self.log)
        return found[1].replace("0.0.0.0", "127.0.0.1") if found else ""  # noqa: S104 - only the address of a client is changed

    async def listening(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait until it listens, with or without Kafka."""

        async def address() -> str:
            self.check_running()
            return self.url

        await until(address, "a server to listen", within_s)

    async def ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait until it reports that it is ready."""
        await self.listening(within_s)

        async def is_ready() -> bool:
            self.check_running()
            return (await self.request("GET", "/ready")).status == 200

        await until(is_ready, "a server to be ready", within_s)

    async def connected(self, within_s: float = READY_WITHIN_S) -> None:
        """Wait until it has all that it needs from Kafka; without a worker, there may be no policy."""
        await self.listening(within_s)

        async def is_connected() -> bool:
            self.check_running()
            answer = await self.request("GET", "/ready")
            return answer.status == 200 or "start a worker" in answer.json["detail"]

        await until(is_connected, "a server to be connected", within_s)

    async def request(self, method: str, path: str, **options: Any) -> HttpAnswer:
        """Send a request with its own connection; return the answer.

        Args:
            method: such as `POST`.
            path: sent as it is: `%2F` stays `%2F`.
            options: of `aiohttp.ClientSession.request`: `json`, `data`, `headers`, `ssl` …
        """
        options = {"allow_redirects": False, **({"ssl": self.tls} if self.tls else {}), **options}
        timeout = aiohttp.ClientTimeout(total=ANSWER_WITHIN_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as client,
            client.request(method, URL(self.url + path, encoded=True), **options) as answer,
        ):
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return HttpAnswer(answer.status, headers, await answer.read())

    async def metrics(self, **options: Any) -> Samples:
        """Return its current metrics."""
        answer = await self.request("GET", "/metrics", **options)
        assert answer.status == 200, f"/metrics answered {answer.status}; the server's log:\n{self.log}"
        return Samples(answer.body.decode())


def start_server(
    site: Site,
    name: str,
    *arguments: str,
    tls: ssl.SSLContext | None = None,
    program: Sequence[str] = ("-c", GOLDSTREAM),
    **settings: str,
) -> RunningServer:
    """Start a server of a site with a data folder of its own.

    Args:
        site: names the broker, the prefix and the settings.
        name: of its data folder and its log.
        arguments: of `goldstream serve`.
        tls: what its clients trust, if it has a certificate.
        program: what Python runs in place of `goldstream`.
        settings: without `GOLDSTREAM_`, of this server alone.
    """
    own = {"DATA": str(site.directory / name), "API": "127.0.0.1:0", **settings}
    argv = [sys.executable, *program, "serve", *arguments]
    server = RunningServer(Child(argv, log=site.directory / f"{name}.log", env=site.environment(**own)), tls)
    server.start()
    return server
