"""The response of `GET /v1/changes`: a stream that ends when its client goes, does not keep up, or the server stops."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aiokafka.errors import KafkaError
from anyio import CancelScope, create_task_group
from litestar.response.base import ASGIResponse

from agents.serve.lookups.changes.feed import ChangeFeed, encode_positions
from agents.serve.lookups.changes.listener import Listener
from agents.serve.problems import unavailable
from streams.clock import Clock
from streams.errors import describe_error

if TYPE_CHECKING:
    from litestar.types import HTTPResponseBodyEvent, Receive, Scope, Send

log = logging.getLogger(__name__)

LIVE_WITHIN_SECONDS: Final = 5.0
ALLOWED_SECONDS: Final = 3.0
"""How often a stream asks whether its reader may go on; a revocation takes effect within 10 s."""
_HEADERS: Final = {"cache-control": "no-store", "x-accel-buffering": "no"}
"""Nobody between the server and the client stores the stream, or collects it."""


class ChangeStream(ASGIResponse):
    """Sends what a listener gets; before that, what a client has missed since its last event."""

    _should_set_content_length = False

    def __init__(
        self,
        feed: ChangeFeed,
        segment: str | None,
        resume: list[int] | None,
        is_allowed: Callable[[], bool],
        clock: Clock,
    ) -> None:
        """Take what is streamed, and to whom.

        Args:
            feed: of all changes.
            segment: that changes must lead to; None: any.
            resume: positions to resume from; None: from now on.
            is_allowed: whether the reader may go on; a stream ends when its token is revoked.
            clock: to ask that regularly.
        """
        super().__init__(media_type="text/event-stream", encoding="utf-8", headers=_HEADERS)
        self._feed = feed
        self._segment = segment
        self._resume = resume
        self._is_allowed = is_allowed
        self._clock = clock

    async def __call__(self, scope: "Scope", receive: "Receive", send: "Send") -> None:  # noqa: ARG002 - ASGI
        """Stream until the client disconnects, or is dropped."""
        listener = Listener(self._segment, self._clock)
        with self._feed.listen(listener):
            if not await self._feed.wait_until_live(LIVE_WITHIN_SECONDS):
                raise unavailable(
                    "kafka-away",
                    "Kafka is away, or no worker has created the topics, so there are no changes; connect again",
                    5,
                )
            await self.start_response(send)
            async with create_task_group() as group:
                listener.on_drop = group.cancel_scope.cancel  # it may be in the middle of a write that never ends
                group.start_soon(_wait_for_disconnect, receive, group.cancel_scope)
                group.start_soon(self._wait_for_revocation, group.cancel_scope)
                await self._send(listener, send)
                group.cancel_scope.cancel()
            if not self._is_allowed():
                await _end(send)

    async def _wait_for_revocation(self, scope: CancelScope) -> None:
        while self._is_allowed():
            await self._clock.sleep(ALLOWED_SECONDS)
        scope.cancel()

    async def _send(self, listener: Listener, send: "Send") -> None:
        feed, resume = self._feed, self._resume
        assert feed.positions is not None
        now = feed.positions.copy()
        if resume is None or len(resume) != len(now):
            await _write(send, f": changes follow\nid: {encode_positions(now)}\n\n".encode())
        else:
            await _write(send, b": changes follow\n\n")
            begin = [min(old, new) for old, new in zip(resume, now, strict=True)]
            try:
                async for chunk in feed.missed(begin, now, self._segment):
                    if chunk:
                        await _write(send, chunk)
            except (KafkaError, OSError) as error:
                log.warning("a stream of changes ends, its client will resume: %s", describe_error(error))
                return
        async for chunk in listener.chunks():
            await _write(send, chunk)
        await _end(send)


async def _write(send: "Send", chunk: bytes) -> None:
    event: HTTPResponseBodyEvent = {"type": "http.response.body", "body": chunk, "more_body": True}
    await send(event)


async def _end(send: "Send") -> None:
    end: HTTPResponseBodyEvent = {"type": "http.response.body", "body": b"", "more_body": False}
    await send(end)


async def _wait_for_disconnect(receive: "Receive", scope: CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
