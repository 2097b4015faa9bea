"""`GET /v1/changes`: live segment changes, resumed without a gap, and ended for a reader that does not keep up."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
from aiokafka import AIOKafkaProducer

from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until

Start = Callable[..., Awaitable[RunningServer]]
Event = tuple[str, dict[str, Any]]
"""An id, and the value of a change."""


def _change(number: int, *, to: str = "loyal", padding: int = 0) -> bytes:
    return msgspec.json.encode({"customer_id": f"c-{number}", "seq": 1, "to": to, "padding": "x" * padding})


@asynccontextmanager
async def _publisher(site: Site) -> AsyncIterator[Callable[[Iterable[bytes | None]], Awaitable[None]]]:
    """Yield a function that publishes values to random partitions of `segment-changes`."""
    site.settings["PARTITIONS"] = "3"
    await site.create_topics()
    rng = random.Random(1)
    async with AIOKafkaProducer(bootstrap_servers=site.kafka) as producer:

        async def publish(values: Iterable[bytes | None]) -> None:
            sent = [
                await producer.send(site.topic("segment-changes"), value, key=b"k", partition=rng.randrange(3))
                for value in values
            ]
            await asyncio.gather(*sent)

        yield publish


class _Reader:
    """Reads a stream into `events`."""

    def __init__(self, server: RunningServer, query: str = "", last_id: str | None = None) -> None:
        self.events: list[Event] = []
        self.last_id = last_id
        self.is_connected = False
        self._url = f"{server.url}/v1/changes{query}"
        self._task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(None)) as client,
            client.get(self._url, headers=headers) as answer,
        ):
            assert answer.status == 200, await answer.text()
            assert answer.headers["content-type"].startswith("text/event-stream")
            assert answer.headers["x-accel-buffering"] == "no"
            async for line in answer.content:
                name, _, text = line.decode().rstrip("\n").partition(": ")
                if name == "id":
                    self.last_id = text
                elif name == "data":
                    assert self.last_id is not None
                    self.events.append((self.last_id, msgspec.json.decode(text)))
                self.is_connected = True

    async def connected(self) -> None:
        """Wait until the stream has begun."""

        async def begun() -> bool:
            if self._task.done():
                self._task.result()
            return self.is_connected

        await until(begun, "the stream to begin")

    async def has(self, count: int) -> None:
        """Wait for so many changes."""

        async def enough() -> bool:
            if self._task.done():
                self._task.result()
            return len(self.events) >= count

        await until(enough, f"{count} changes")

    async def ended(self) -> None:
        """Wait for the end of the stream."""
        with contextlib.suppress(aiohttp.ClientError):
            await asyncio.wait_for(self._task, 30)

    async def close(self) -> None:
        """Disconnect."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def _ids(events: Iterable[Event]) -> list[str]:
    return [str(value["customer_id"]) for _, value in events]


async def test_a_stream_has_every_change_once_however_often_it_is_resumed(site: Site, http_server: Start) -> None:
    async with _publisher(site) as publish:
        await publish(_change(number) for number in range(-50, 0))  # before anybody listens
        server = await http_server()
        reader = _Reader(server)
        await reader.connected()
        await publish([*(_change(number) for number in range(200)), None, _change(200, to="golden")])
        await reader.has(201)
        found, rng = reader.events, random.Random(2)
        await reader.close()
        for wave in range(1, 3):  # each resumes in the middle of what it had, at another server
            await publish(_change(number) for number in range(200 * wave + 1, 200 * wave + 101))
            server = await http_server()
            found = found[: rng.randrange(len(found) - 40, len(found))]
            reader = _Reader(server, last_id=found[-1][0])
            await reader.connected()
            await publish(_change(number) for number in range(200 * wave + 101, 200 * wave + 201))
            await reader.has(200 * (wave + 1) + 1 - len(found))
            found = [*found, *reader.events]
            await reader.close()
        assert sorted(_ids(found)) == sorted(f"c-{number}" for number in range(601))

        filtered = _Reader(server, "?segment=golden", found[0][0])
        await filtered.has(1)
        assert _ids(filtered.events) == ["c-200"]
        refused = await server.request("GET", "/v1/changes", headers={"Last-Event-ID": "what"})
        assert (refused.status, refused.headers["content-type"]) == (422, "application/problem+json")
        assert await server.stop() == 0
        await filtered.ended()


async def test_a_reader_that_does_not_keep_up_is_disconnected_and_others_are_not(
    site: Site, http_server: Start
) -> None:
    async with _publisher(site) as publish:
        server = await http_server()
        host, port = server.url.removeprefix("http://").split(":")
        slow, writer = await asyncio.open_connection(host, int(port), limit=1024)
        writer.write(f"GET /v1/changes HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        await slow.readuntil(b"changes follow")
        reader = _Reader(server)
        await reader.connected()
        total = 0

        async def dropped() -> bool:
            nonlocal total
            await publish(_change(total + number, padding=4_000) for number in range(500))
            total += 500
            return "a reader of changes does not keep up" in server.log

        await until(dropped, "the slow reader to be dropped", every_s=0.2)
        await reader.has(total)
        assert len(set(_ids(reader.events))) == total
        while await asyncio.wait_for(slow.read(1 << 20), 30):
            pass
        writer.close()
        await reader.close()
