"""Direct connections: the bytes are those of aiokafka's schemas, answers survive any cut, sessions recover."""

import asyncio
import io
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.fetch import FetchRequest, FetchRequest_v7, FetchResponse_v7
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7, ProduceResponse_v7
from aiokafka.structs import BrokerMetadata

from streams.kafka.direct.direct_connection import DirectClient, DirectConnection
from streams.kafka.direct.fetch_session import FetchAnswer, FetchSession
from streams.kafka.direct.hot_requests import decode_fetched, decode_produced, encode_produce
from tests.lanes.clock import ManualClock

CLIENT = b"goldstream-test"
BATCH = b"a record batch"
Partition = tuple[int, int, int]


def fetch(**topics: Sequence[Partition]) -> FetchRequest:
    return FetchRequest(500, 1, 1 << 20, 1, [(name, list(partitions)) for name, partitions in topics.items()])


def as_aiokafka_packs(request: Any, number: int) -> bytes:
    body = request.build_request_header(correlation_id=number, client_id=CLIENT.decode()).encode() + request.encode()
    return struct.pack(">i", len(body)) + cast("bytes", body)


def answer_to_fetch(
    number: int, session: int, topics: list[tuple[str, list[tuple[Any, ...]]]], error: int = 0
) -> bytes:
    return struct.pack(">i", number) + cast("bytes", FetchResponse_v7(0, error, session, topics).encode())


def unpack_fetch(message: bytes) -> FetchRequest_v7:
    buffer = io.BytesIO(message[4 + 8 + 2 + len(CLIENT) :])
    return cast("FetchRequest_v7", FetchRequest_v7.decode(buffer))


def news(number: int, high_watermark: int, batches: bytes = BATCH) -> tuple[Any, ...]:
    return number, 0, high_watermark, high_watermark - 1, 3, [], batches


def test_a_produce_request_has_the_bytes_that_aiokafka_would_send() -> None:
    topics: list[tuple[str, list[tuple[int, bytes]]]] = [("a", [(0, BATCH), (7, b"")]), ("größer", [(2, BATCH * 1000)])]
    expected = as_aiokafka_packs(ProduceRequest_v7(None, -1, 30_000, topics), 5)
    assert encode_produce(5, CLIENT, -1, 30_000, topics) == expected


def test_an_answer_to_a_produce_request_is_read_as_aiokafka_reads_it() -> None:
    topics = [("a", [(0, 0, 17, -1, 4), (7, 3, -1, -1, -1)]), ("b", [(1, 0, 2**40, 1_700_000_000_000, 0)])]
    body = ProduceResponse_v7(topics, 0).encode()
    assert decode_produced(struct.pack(">i", 9) + body) == topics


def test_the_first_fetch_names_all_partitions_and_opens_a_session() -> None:
    request = fetch(a=[(0, 10, 100), (1, 20, 100)], b=[(0, 5, 100)])
    message, _ = FetchSession(ManualClock()).encode(1, CLIENT, request)
    topics = [(name, [(each[0], each[1], -1, each[2]) for each in partitions]) for name, partitions in request.topics]
    assert message == as_aiokafka_packs(FetchRequest_v7(-1, 500, 1, 1 << 20, 1, 0, 0, topics, []), 1)


def test_an_answer_to_a_fetch_is_read_as_aiokafka_reads_it() -> None:
    topics: list[tuple[str, list[tuple[Any, ...]]]] = [
        ("a", [news(0, 12), (1, 0, 9, 9, 0, [(77, 5), (78, 6)], BATCH), (2, 6, -1, -1, -1, [], b"")]),
        ("größer", [news(1, 2**40, b"")]),
    ]
    assert decode_fetched(answer_to_fetch(1, 4242, topics)) == (0, 4242, topics)


class Fetching:
    """A session whose broker answers as the test says."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.session = FetchSession(self.clock)
        self._number = 0

    def fetch(
        self, request: FetchRequest, *answers: tuple[str, list[tuple[Any, ...]]], session: int = 7, error: int = 0
    ) -> tuple[FetchRequest_v7, FetchAnswer]:
        """Send a fetch that is answered with these topics; return what the broker and the consumer get."""
        self._number += 1
        message, decode = self.session.encode(self._number, CLIENT, request)
        return unpack_fetch(message), decode(answer_to_fetch(self._number, session, list(answers), error))


def test_a_later_fetch_names_only_what_has_another_offset() -> None:
    fetching = Fetching()
    fetching.fetch(fetch(a=[(0, 10, 100), (1, 20, 100)], b=[(0, 5, 100)]), ("a", [news(1, 30)]))
    sent, _ = fetching.fetch(fetch(a=[(0, 10, 100), (1, 30, 100)], b=[(0, 5, 100)]))
    assert (sent.session_id, sent.session_epoch) == (7, 1)
    assert sent.topics == [("a", [(1, 30, -1, 100)])]
    assert sent.forgotten_topics_data == []


def test_a_partition_that_is_no_longer_fetched_is_taken_out_of_the_session_and_comes_back() -> None:
    fetching, both, one = Fetching(), fetch(a=[(0, 10, 100), (1, 20, 100)]), fetch(a=[(0, 10, 100)])
    fetching.fetch(both)
    sent, _ = fetching.fetch(one)
    assert (sent.topics, sent.forgotten_topics_data) == ([], [("a", [1])])
    sent, _ = fetching.fetch(both)
    assert (sent.session_epoch, sent.topics, sent.forgotten_topics_data) == (2, [("a", [(1, 20, -1, 100)])], [])


@pytest.mark.parametrize("error", [70, 71], ids=["unknown session", "wrong epoch"])
def test_a_session_that_the_broker_has_lost_is_opened_again(error: int) -> None:
    fetching, request = Fetching(), fetch(a=[(0, 10, 100)])
    fetching.fetch(request)
    _, answer = fetching.fetch(request, error=error)
    assert answer.topics == []
    sent, _ = fetching.fetch(request, session=8)
    assert (sent.session_id, sent.session_epoch, sent.topics) == (0, 0, [("a", [(0, 10, -1, 100)])])
    sent, _ = fetching.fetch(request)
    assert (sent.session_id, sent.session_epoch) == (8, 1)


def test_a_broker_without_sessions_is_asked_for_everything_each_time() -> None:
    fetching, request = Fetching(), fetch(a=[(0, 10, 100)])
    for _ in range(3):
        sent, _ = fetching.fetch(request, session=0)
        assert (sent.session_id, sent.session_epoch, sent.topics) == (0, 0, [("a", [(0, 10, -1, 100)])])


def test_an_answer_names_every_partition_once_a_second() -> None:
    fetching, request = Fetching(), fetch(a=[(0, 10, 100), (1, 20, 100)])
    fetching.clock.advance(10)
    fetching.fetch(request, ("a", [news(0, 12), news(1, 22)]))
    _, answer = fetching.fetch(request, ("a", [news(1, 23)]))
    assert answer.topics == [("a", [news(1, 23)])]
    fetching.clock.advance(1)
    _, answer = fetching.fetch(request, ("a", [news(1, 24)]))
    assert answer.topics == [("a", [news(1, 24)]), ("a", [news(0, 12, b"")])]


class OneBroker:
    """Answers ApiVersions; every other request is kept for the test, which answers it."""

    def __init__(self) -> None:
        self.requests: asyncio.Queue[bytes] = asyncio.Queue()
        self.writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.writer = writer
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                if request[:2] == struct.pack(">h", 18):
                    versions = struct.pack(">hihhhhhh", 0, 2, 0, 3, 8, 1, 4, 11)
                    self.send(request[4:8] + versions)
                else:
                    self.requests.put_nowait(request)
        except asyncio.IncompleteReadError:
            writer.close()

    def send(self, frame: bytes) -> None:
        """Send an answer."""
        assert self.writer is not None
        self.writer.write(struct.pack(">i", len(frame)) + frame)


@asynccontextmanager
async def connected(request_timeout_ms: int = 5_000) -> AsyncIterator[tuple[OneBroker, Any]]:
    broker = OneBroker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    connection = AIOKafkaConnection(host, port, client_id=CLIENT.decode(), request_timeout_ms=request_timeout_ms)
    await connection.connect()
    DirectConnection.take_over(connection)
    try:
        yield broker, connection
    finally:
        await asyncio.wait_for(connection.close(), 5)
        server.close()
        await server.wait_closed()


def produce() -> ProduceRequest:
    return ProduceRequest(None, -1, 30_000, [("a", [(0, BATCH)])])


def acknowledgement(request: bytes, offset: int) -> bytes:
    return request[4:8] + cast("bytes", ProduceResponse_v7([("a", [(0, 0, offset, -1, 0)])], 0).encode())


@pytest.mark.parametrize("piece", [1, 3, 4, 7, 64, 1000])
async def test_answers_that_arrive_in_pieces_are_put_together(piece: int) -> None:
    async with connected() as (broker, connection):
        answers = [connection.send(produce()) for _ in range(5)]
        requests = [await broker.requests.get() for _ in answers]
        frames = [acknowledgement(request, offset) for offset, request in enumerate(requests)]
        text = b"".join(struct.pack(">i", len(frame)) + frame for frame in frames)
        assert broker.writer is not None
        for begin in range(0, len(text), piece):
            broker.writer.write(text[begin : begin + piece])
            await broker.writer.drain()
            await asyncio.sleep(0)
        offsets = [(await asyncio.wait_for(answer, 5)).topics[0][1][0][2] for answer in answers]
    assert offsets == [0, 1, 2, 3, 4]


async def test_a_request_that_is_not_answered_in_time_fails_alone() -> None:
    async with connected(request_timeout_ms=100) as (broker, connection):
        first = connection.send(produce())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.shield(first), 5)
        second = connection.send(produce())
        for offset in range(2):
            broker.send(acknowledgement(await broker.requests.get(), offset))
        assert (await asyncio.wait_for(second, 5)).topics[0][1][0][2] == 1


async def test_what_is_under_way_fails_when_the_broker_ends_the_connection() -> None:
    async with connected() as (broker, connection):
        answer = connection.send(produce())
        await broker.requests.get()
        assert broker.writer is not None
        broker.writer.close()
        with pytest.raises(KafkaConnectionError):
            await asyncio.wait_for(answer, 5)
        assert not connection.connected()


async def test_an_answer_that_cannot_be_read_closes_the_connection() -> None:
    async with connected() as (broker, connection):
        answer = connection.send(produce())
        request = await broker.requests.get()
        broker.send(acknowledgement(request, 1)[:-9])
        with pytest.raises(KafkaConnectionError):
            await asyncio.wait_for(answer, 5)


async def test_a_client_uses_direct_connections() -> None:
    broker = OneBroker()
    server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    client = AIOKafkaClient(bootstrap_servers=f"{host}:{port}")
    client.cluster._brokers = {0: BrokerMetadata(0, host, port, None)}
    DirectClient.take_over(client)
    assert isinstance(await client._get_conn(0), DirectConnection)
    await client.close()
    server.close()
    await server.wait_closed()
