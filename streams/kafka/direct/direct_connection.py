"""A connection to a broker that costs less for each request than aiokafka's.

A request of a few hundred bytes costs the same as one of a hundred kilobytes, and many small ones are what a worker
spends its time on (decision 0053). The clients of a stage use this connection. It changes three things:

* Answers are cut out of what arrives in `data_received`. aiokafka has a task for that, which wakes up for each.
* Produce and Fetch are packed by `streams.kafka.direct.hot_requests`, and fetches have a session.
* One timer watches the oldest request. aiokafka has one for each.
"""

import asyncio
import logging
import weakref
from collections.abc import Callable
from typing import Any, Final

from aiokafka.client import AIOKafkaClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.produce import ProduceRequest

from streams.clock import SYSTEM_CLOCK
from streams.kafka.direct.fetch_session import FetchSession
from streams.kafka.direct.hot_requests import FETCH_KEY, PRODUCE_KEY, VERSION, decode_produced, encode_produce

log = logging.getLogger(__name__)

_SIZE_BYTES: Final = 4


class ProduceAnswer:
    """An answer as aiokafka has it, with what its sender uses."""

    API_KEY = PRODUCE_KEY
    API_VERSION = VERSION

    def __init__(self, frame: bytes) -> None:
        self.topics = decode_produced(frame)


class DirectConnection(AIOKafkaConnection):  # type: ignore[misc]  # aiokafka has no types
    """aiokafka's connection after it has connected, which it does as before."""

    _session: FetchSession
    _client_name: bytes
    _speaks: frozenset[type]
    _expiry: asyncio.TimerHandle | None

    @staticmethod
    def take_over(connection: Any) -> None:
        """Make a connection that aiokafka has established a direct one; nothing may be under way."""
        connection.__class__ = DirectConnection  # aiokafka has no way to use another class
        connection._read_directly()  # noqa: SLF001 - as above

    def _read_directly(self) -> None:
        self._session = FetchSession(SYSTEM_CLOCK)
        self._client_name = self._client_id.encode()
        keys = {FetchRequest: FETCH_KEY, ProduceRequest: PRODUCE_KEY}
        self._speaks = frozenset(kind for kind, key in keys.items() if self._is_supported(key))
        self._expiry = None
        self._read_task.cancel()
        self._writer.transport.set_protocol(_Answers(self, self._protocol))

    def _is_supported(self, key: int) -> bool:
        least, most = self._versions.get(key, (0, -1))
        return bool(least <= VERSION <= most)

    def send(self, request: Any, expect_response: bool = True) -> Any:  # noqa: FBT001, FBT002 - aiokafka's own
        """Send a request; return what can be awaited for its answer."""
        if self._writer is None or type(request) not in self._speaks or not expect_response:
            return super().send(request, expect_response)
        number = self._next_correlation_id()
        decode: Callable[[bytes], Any]
        if isinstance(request, FetchRequest):
            message, decode = self._session.encode(number, self._client_name, request)
        else:
            timeout_ms, topics = request._timeout, request._topics  # noqa: SLF001 - aiokafka's names for its arguments
            message = encode_produce(number, self._client_name, request.required_acks, timeout_ms, topics)
            decode = ProduceAnswer
        self._writer.write(message)
        answer = self._loop.create_future()
        self._requests.append((number, _Pending(decode, SYSTEM_CLOCK.monotonic() + self._request_timeout), answer))
        if self._expiry is None:
            self._expiry = self._loop.call_later(self._request_timeout, self._expire)
        return answer

    def handle_frame(self, frame: bytes) -> None:
        """Give an answer, without its size, to who waits for it. Answers arrive in the order of the requests."""
        number, pending, answer = self._requests[0]
        if not isinstance(pending, _Pending):
            self._handle_frame(frame)
            return
        if int.from_bytes(frame[:4], "big") != number:
            self.close(CloseReason.OUT_OF_SYNC)
            return
        decoded = pending.decode(frame)  # even if nobody waits any more: it may have the session
        if not answer.done():
            answer.set_result(decoded)
        self._last_action = SYSTEM_CLOCK.monotonic()
        self._requests.popleft()

    def _expire(self) -> None:
        """Fail the oldest request if it is over its time; aiokafka closes the connection then."""
        self._expiry = None
        now = SYSTEM_CLOCK.monotonic()
        for _, pending, answer in self._requests:
            if isinstance(pending, _Pending) and not answer.done():
                if pending.expires_at <= now:
                    answer.set_exception(TimeoutError())
                else:
                    self._expiry = self._loop.call_later(pending.expires_at - now, self._expire)
                    return

    def close(self, reason: Any = None, exc: BaseException | None = None) -> Any:
        """Close the connection and fail what is under way."""
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        return super().close(reason, exc)


class DirectClient(AIOKafkaClient):  # type: ignore[misc]
    """aiokafka's client with direct connections."""

    @staticmethod
    def take_over(client: Any) -> None:
        """Make a client of aiokafka's that has not connected yet use direct connections."""
        client.__class__ = DirectClient  # producers and consumers create their client themselves

    async def _get_conn(self, node_id: Any, **options: Any) -> Any:
        connection = await super()._get_conn(node_id, **options)
        if type(connection) is AIOKafkaConnection:
            DirectConnection.take_over(connection)
        return connection


class _Pending:
    """A request whose answer `handle_frame` decodes; it stands where aiokafka has the structure of the request."""

    __slots__ = ("decode", "expires_at")

    def __init__(self, decode: Callable[[bytes], Any], expires_at: float) -> None:
        self.decode = decode
        self.expires_at = expires_at


class _Answers(asyncio.Protocol):
    """Cuts answers out of what arrives. The connection is closed if it is collected, as aiokafka's is."""

    def __init__(self, connection: DirectConnection, before: Any) -> None:
        """Follow the protocol `before`, which knows whether the connection is open and may be written to."""
        self._connection = weakref.ref(connection)
        self._before = before
        self._received = bytearray()
        self._needed = _SIZE_BYTES

    def data_received(self, data: bytes) -> None:
        """Hand over each answer that is complete."""
        if self._received:
            self._received += data
            if len(self._received) < self._needed:
                return
            data, self._received = bytes(self._received), bytearray()
        at, length = 0, len(data)
        while length - at >= _SIZE_BYTES:
            end = at + _SIZE_BYTES + int.from_bytes(data[at : at + _SIZE_BYTES], "big")
            if end > length:
                self._needed = end - at
                break
            self._hand_over(data[at + _SIZE_BYTES : end])
            at = end
        else:
            self._needed = _SIZE_BYTES
        self._received += data[at:]

    def _hand_over(self, frame: bytes) -> None:
        connection = self._connection()
        if connection is None or not connection.connected():
            return
        try:
            connection.handle_frame(frame)
        except Exception as error:
            log.exception("an answer of %s:%s cannot be read", connection.host, connection.port)
            connection.close(CloseReason.CONNECTION_BROKEN, error)

    def eof_received(self) -> bool:
        """The broker ends the connection."""
        self._broken(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is under way."""
        self._before.connection_lost(exc)
        self._broken(exc)

    def _broken(self, error: Exception | None) -> None:
        connection = self._connection()
        if connection is not None:
            connection.close(CloseReason.CONNECTION_BROKEN, error)

    def pause_writing(self) -> None:
        """Writing has to wait."""
        self._before.pause_writing()

    def resume_writing(self) -> None:
        """Writing goes on."""
        self._before.resume_writing()
