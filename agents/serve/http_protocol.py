"""HTTP/1.1 with clients that are slow, silent or malicious: what they may take of a server is bounded.

uvicorn bounds the headers of a request (64 KiB) and how long a connection stays open between two requests. What it
does not bound is here: how long a client may take to send a request, and to read a response.
"""

import asyncio
from typing import Final

import h11
import msgspec
from uvicorn.protocols.http.h11_impl import H11Protocol

from agents.serve.problems import TYPE_START

REQUEST_SECONDS: Final = 30.0
"""From the first byte of a request, or from the connection, to the last byte of its body."""
SILENT_SECONDS: Final = 10.0
"""A connection on which no request begins is closed after this time."""
STALLED_SECONDS: Final = 30.0
"""A client that reads nothing of a response for this time is disconnected."""
LINGER_SECONDS: Final = 1.0
"""A refused client may go on sending for this time; a connection closed at once would discard the refusal."""
MAX_HEADER_BYTES: Final = 64 * 1024
MAX_CONNECTIONS: Final = 16_384
"""More are closed at once. An idle one takes 5 KB (measured with 10,000)."""


class BoundedProtocol(H11Protocol):
    """uvicorn's protocol on h11, with deadlines.

    `handle_events` of uvicorn drives h11; after it the state of h11 says whether a whole request has arrived.
    """

    _deadline: asyncio.TimerHandle | None = None
    _stall: asyncio.TimerHandle | None = None
    _is_silent = True
    _is_refused = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Close one connection too many; expect a request on another."""
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.close()
            return
        self._deadline = self.loop.call_later(SILENT_SECONDS, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Handle what arrived, and start or end the deadline of a request."""
        if self._is_refused:
            return
        super().data_received(data)
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._cancel_deadline()
        elif self._is_silent or self._deadline is None:
            self._cancel_deadline()
            self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)
        self._is_silent = False

    def send_400_response(self, msg: str) -> None:
        """Refuse what is not HTTP, as problem details."""
        del msg
        limit = MAX_HEADER_BYTES // 1024
        self._refuse(400, "bad-request", f"this is not an HTTP/1.1 request with at most {limit} KiB of headers")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadlines."""
        self._cancel_deadline()
        self.resume_writing()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Expect the client to read."""
        super().pause_writing()
        self._stall = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on writing: the client has read."""
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
        if self.flow is not None:
            super().resume_writing()

    def _give_up(self) -> None:
        """Close a connection on which no whole request has arrived in time."""
        if self._is_silent:
            self.transport.close()
        else:
            self._refuse(408, "too-slow", f"the request did not arrive within {REQUEST_SECONDS:.0f} s; send it again")

    def _refuse(self, status: int, kind: str, detail: str) -> None:
        """Answer without the application, and close the connection once the client had time to read."""
        if self.transport.is_closing():
            return
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):  # a response has begun
            self.transport.abort()
            return
        title = {400: "Bad Request", 408: "Request Timeout"}[status]
        body = msgspec.json.encode({"status": status, "type": TYPE_START + kind, "title": title, "detail": detail})
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        self._is_refused = True
        if self.cycle is not None:
            self.cycle.disconnected = True  # the application may still be reading the body
            self.cycle.message_event.set()
        response = h11.Response(status_code=status, headers=headers, reason=title.encode())
        for event in (response, h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _cancel_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
