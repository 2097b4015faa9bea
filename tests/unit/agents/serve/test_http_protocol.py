"""Slow, silent and malicious clients, over real sockets, with deadlines that are short here."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from litestar import Litestar, Request, get, post
from litestar.response import Stream

from agents.serve import http_protocol
from agents.serve.application import answering_head
from agents.serve.http_server import HttpServer
from agents.serve.listening import bind
from streams.settings.settings import Settings


@get("/quick", sync_to_thread=False)
def quick() -> str:
    """Answer at once."""
    return "quick"


@post("/length", status_code=200)
async def length(request: Request[Any, Any, Any]) -> int:
    """Answer the length of the body."""
    return len(await request.body())


@get("/endless")
async def endless() -> Stream:
    """Send as fast as the client reads, without end."""

    async def parts() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536
            await asyncio.sleep(0)

    return Stream(parts)


class Connection:
    """A client's connection, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take both ends."""
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self.writer.write(data)

    async def answer(self) -> tuple[int, Any]:
        """Return the status and the JSON of an answer after which the server closes the connection."""
        head, _, body = (await asyncio.wait_for(self.reader.read(), 10)).partition(b"\r\n\r\n")
        return int(head.split(b" ")[1]), json.loads(body)

    async def is_closed(self) -> bool:
        """Return whether the server closes the connection without an answer."""
        return await asyncio.wait_for(self.reader.read(), 10) == b""


@pytest.fixture
async def address(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, int]]:
    """A server with short deadlines."""
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.4)
    monkeypatch.setattr(http_protocol, "SILENT_SECONDS", 0.2)
    monkeypatch.setattr(http_protocol, "STALLED_SECONDS", 0.3)
    monkeypatch.setattr(http_protocol, "LINGER_SECONDS", 0.1)
    sockets = bind(Settings(api="127.0.0.1:0"))
    server = HttpServer(answering_head(Litestar([quick, length, endless], openapi_config=None)))
    serving = asyncio.create_task(server.serve(sockets))
    try:
        yield sockets[0].getsockname()[:2]
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 20)


@pytest.fixture
async def connection(address: tuple[str, int]) -> AsyncIterator[Connection]:
    """A connection to it."""
    reader, writer = await asyncio.open_connection(*address)
    yield Connection(reader, writer)
    writer.close()


async def test_a_silent_connection_is_closed(connection: Connection) -> None:
    assert await connection.is_closed()


@pytest.mark.parametrize("sent", [b"GE", b"GET /quick HTTP/1.1\r\nHost: x\r\n"])
async def test_headers_that_never_end_are_answered_with_408(connection: Connection, sent: bytes) -> None:
    connection.send(sent)
    status, problem = await connection.answer()
    assert (status, problem["type"]) == (408, "urn:goldstream:problem:too-slow")


async def test_bytes_that_trickle_in_do_not_extend_the_deadline(connection: Connection) -> None:
    async def trickle() -> None:
        for byte in b"GET /quick HTTP/1.1\r\nX-Long: " + b"x" * 1000:
            connection.send(bytes([byte]))
            await asyncio.sleep(0.05)

    trickling = asyncio.create_task(trickle())
    status, _ = await connection.answer()
    trickling.cancel()
    assert status == 408


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100\r\n\r\n12", b"Transfer-Encoding: chunked\r\n\r\n2\r\n12\r\n"]
)
async def test_a_body_that_never_ends_is_answered_with_408(connection: Connection, framing: bytes) -> None:
    connection.send(b"POST /length HTTP/1.1\r\nHost: x\r\n" + framing)
    status, _ = await connection.answer()
    assert status == 408


async def test_a_body_that_is_slow_but_in_time_is_taken(connection: Connection) -> None:
    connection.send(b"POST /length HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 4\r\n\r\n")
    for byte in b"1234":
        connection.send(bytes([byte]))
        await asyncio.sleep(0.02)
    assert (await connection.answer()) == (200, 4)


async def test_a_megabyte_of_headers_is_answered_with_400(connection: Connection) -> None:
    connection.send(b"GET /quick HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\n")
    status, problem = await connection.answer()
    assert (status, problem["title"]) == (400, "Bad Request")


async def test_what_is_not_http_is_answered_with_400(connection: Connection) -> None:
    connection.send(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n")
    assert (await connection.answer())[0] == 400


async def test_a_client_that_does_not_read_is_disconnected(connection: Connection) -> None:
    connection.send(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.sleep(1)  # what is measured: that nothing was read for so long
    received = await asyncio.wait_for(connection.reader.read(), 10)
    assert received.startswith(b"HTTP/1.1 200"), "then the end, of a response that has none"


async def test_a_request_after_another_on_one_connection_has_its_own_time(connection: Connection) -> None:
    for _ in range(4):
        connection.send(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await connection.reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200")
        assert await connection.reader.readexactly(5) == b"quick"
        await asyncio.sleep(0.15)


async def test_head_has_the_headers_of_get_and_no_body(connection: Connection) -> None:
    connection.send(b"HEAD /quick HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = (await connection.reader.read()).partition(b"\r\n\r\n")
    assert b"content-length: 5" in head
    assert body == b""
