"""Fetch in sessions (KIP-227): a request names only partitions with a new offset, an answer only those with news.

`admit` reads 29 partitions, most of which have nothing, up to a hundred times a second. The broker knows a session by
its id and an epoch that each request raises. It may forget a session; then the next request names everything again.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from streams.clock import Clock
from streams.kafka.direct.hot_requests import FETCH_KEY, VERSION, FetchedPartition, decode_fetched, encode_fetch

NAMED_SECONDS: Final = 1.0
"""How often an answer names each partition, news or not: aiokafka notes when the broker answered for a partition."""
_MAX_EPOCH: Final = 2**31 - 1

Key = tuple[str, int]
"""Topic and partition."""


class FetchAnswer(NamedTuple):
    """An answer as aiokafka has it, with what its fetcher uses."""

    topics: list[tuple[str, list[FetchedPartition]]]
    API_KEY: int = FETCH_KEY
    API_VERSION: int = VERSION


class FetchSession:
    """The fetches of one consumer over one connection."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._id = 0  # none yet
        self._epoch = 0
        self._opening = -1  # the request whose answer has the id
        self._offsets: dict[Key, int] = {}  # what the broker knows
        self._known: dict[Key, tuple[int, int, int]] = {}  # high watermark, last stable offset, log start offset
        self._named_at = 0.0

    def encode(self, correlation_id: int, client: bytes, request: Any) -> tuple[bytes, Callable[[bytes], FetchAnswer]]:
        """Return the bytes of aiokafka's `FetchRequest`, and what decodes the answer."""
        offsets = {(topic, each[0]): each[1] for topic, partitions in request.topics for each in partitions}
        topics, forgotten = dict(request.topics), dict[str, list[int]]()
        if self._id:
            before, session = self._offsets, (self._id, self._epoch)
            self._epoch = 1 if self._epoch == _MAX_EPOCH else self._epoch + 1
            for topic, partitions in request.topics:
                changed = [each for each in partitions if before.get((topic, each[0])) != each[1]]
                if changed:
                    topics[topic] = changed
                else:
                    del topics[topic]
            for topic, number in before.keys() - offsets.keys():
                forgotten.setdefault(topic, []).append(number)
        else:
            session, self._opening = (0, 0), correlation_id
        self._offsets = offsets
        limits = request._max_wait_ms, request._min_bytes, request._max_bytes, request._isolation_level  # noqa: SLF001
        message = encode_fetch(correlation_id, client, limits, session, topics, forgotten)
        return message, lambda frame: self._decode(correlation_id, offsets, frame)

    def _decode(self, correlation_id: int, asked: dict[Key, int], frame: bytes) -> FetchAnswer:
        error, session, topics = decode_fetched(frame)
        if error:  # the broker does not know the session; nothing was fetched
            self._id = 0
            return FetchAnswer([])
        if correlation_id == self._opening:
            self._id, self._epoch = session, 1
        for topic, partitions in topics:
            for number, code, *ends, _, _ in partitions:
                if not code:
                    self._known[topic, number] = (ends[0], ends[1], ends[2])
        now = self._clock.monotonic()
        if now - self._named_at >= NAMED_SECONDS:
            self._named_at = now
            topics += self._without_news(asked, topics)
        return FetchAnswer(topics)

    def _without_news(
        self, asked: dict[Key, int], topics: list[tuple[str, list[FetchedPartition]]]
    ) -> list[tuple[str, list[FetchedPartition]]]:
        named = {(topic, each[0]) for topic, partitions in topics for each in partitions}
        return [
            (topic, [(number, 0, *self._known[topic, number], [], b"")])
            for topic, number in asked
            if (topic, number) not in named and (topic, number) in self._known
        ]
