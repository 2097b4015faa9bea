"""The clients of `python -m bench http`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from bench.serving.http_client import Client, get, post
from bench.serving.http_events import REGULARS, batch, purchase, regular_customer
from bench.testbed.broker import BenchFailed
from state.intake.admission import AdmissionRules, Admitted, admit

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


class Answering(asyncio.Protocol):
    """Answers every request with the same pieces."""

    def __init__(self, pieces: list[bytes], transports: list[asyncio.Transport]) -> None:
        self._pieces = pieces
        self._transports = transports

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._transports.append(transport)

    def data_received(self, _data: bytes) -> None:
        """Answer."""
        for number, piece in enumerate(self._pieces):
            asyncio.get_running_loop().call_later(0.001 * number, self._transport.write, piece)


@asynccontextmanager
async def answering(pieces: list[bytes]) -> AsyncIterator[str]:
    """Serve a fixed answer in pieces."""
    transports: list[asyncio.Transport] = []
    server = await asyncio.get_running_loop().create_server(lambda: Answering(pieces, transports), "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for transport in transports:
            transport.abort()


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_an_answer_is_read_however_it_is_cut(size: int) -> None:
    pieces = [ANSWER[at : at + size] for at in range(0, len(ANSWER), size)]
    async with answering(pieces) as url:
        client = Client(url)
        assert [await client.send(post(f"{url}/", b"{}")) for _ in range(3)] == [200, 200, 200]
        answers = await client.at_rate(lambda _: get(f"{url}/"), 50, 0.1, 0.4)
        assert (len(answers.seconds), answers.statuses) == (20, {200: 20})
        client.close()


async def test_a_rate_that_cannot_be_kept_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.serving.http_client.MAX_WAITING", 10)
    async with answering([]) as url:
        client = Client(url)
        with pytest.raises(BenchFailed, match="cannot be kept"):
            await client.at_rate(lambda _: get(f"{url}/"), 1000, 0, 1)
        client.close()


def test_events_are_admissible_and_every_fifth_customer_is_new() -> None:
    rules = AdmissionRules("RUB", 2, {})
    results = [admit("events", 0, 0, purchase(), rules, None) for _ in range(2 * REGULARS)]
    customers = [result.customer_id for result in results if isinstance(result, Admitted)]
    assert len(customers) == 2 * REGULARS
    assert sum(customer.startswith("n-") for customer in customers) == 2 * REGULARS // 5
    assert {regular_customer(number) for number in range(REGULARS)} <= set(customers)
    assert len(msgspec.json.decode(batch(100))["events"]) == 100
