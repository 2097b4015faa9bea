"""The bytes of the two requests that a busy worker spends its time on: Produce and Fetch, version 7 of both.

aiokafka describes each version of a request by a schema of objects and packs it field by field. Version 7 is the first
Fetch with sessions; Kafka has had both since 1.1 and 2.1, and 4.x still does. Integers are big-endian; a string has its
length in two bytes before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from struct import Struct
from typing import Final

PRODUCE_KEY: Final = 0
FETCH_KEY: Final = 1
VERSION: Final = 7

FetchedPartition = tuple[int, int, int, int, int, list[tuple[int, int]], bytes]
"""Number, error code, high watermark, last stable offset, log start offset, aborted transactions, record batches."""
AcknowledgedPartition = tuple[int, int, int, int, int]
"""Number, error code, offset of the first record, timestamp, log start offset."""

_HEADER: Final = Struct(">ihhi")  # size of what follows, key, version, correlation id
_ACKS: Final = Struct(">hhi")  # no transactional id, acks, timeout in ms
_FETCH: Final = Struct(">iiiibii")  # replica, ms to wait, bytes at least, bytes at most, isolation, session, its epoch
_TO_FETCH: Final = Struct(">iqqi")  # partition, offset, log start offset, bytes at most
_FETCHED: Final = Struct(">ihqqqi")  # see `FetchedPartition`; the number of aborted transactions
_ABORTED: Final = Struct(">qq")  # producer id, first offset
_ANSWER: Final = Struct(">iihii")  # correlation id, ms of throttling, error code, session, number of topics
_ACKNOWLEDGED: Final = Struct(">ihqqq")
_SHORT: Final = Struct(">h")
_INT: Final = Struct(">i")
_PAIR: Final = Struct(">ii")


def _message(key: int, correlation_id: int, client: bytes, parts: list[bytes]) -> bytes:
    size = 10 + len(client) + sum(map(len, parts))
    return b"".join((_HEADER.pack(size, key, VERSION, correlation_id), _SHORT.pack(len(client)), client, *parts))


def encode_produce(
    correlation_id: int,
    client: bytes,
    acks: int,
    timeout_ms: int,
    topics: Iterable[tuple[str, Sequence[tuple[int, bytes]]]],
) -> bytes:
    """Return a produce request, with its size, for one record batch of each partition."""
    parts, count = [_ACKS.pack(-1, acks, timeout_ms), b""], 0
    for topic, partitions in topics:
        name = topic.encode()
        parts += (_SHORT.pack(len(name)), name, _INT.pack(len(partitions)))
        for number, batch in partitions:
            parts += (_PAIR.pack(number, len(batch)), batch)
        count += 1
    parts[1] = _INT.pack(count)
    return _message(PRODUCE_KEY, correlation_id, client, parts)


def decode_produced(frame: bytes) -> list[tuple[str, list[AcknowledgedPartition]]]:
    """Return the acknowledgements in an answer to a produce request, by topic.

    Raises:
        struct.error: the answer is cut off.
    """
    topics = []
    (count,), at = _INT.unpack_from(frame, 4), 8
    for _ in range(count):
        (length,) = _SHORT.unpack_from(frame, at)
        name = frame[at + 2 : at + 2 + length].decode()
        at += 2 + length
        (number_of_partitions,) = _INT.unpack_from(frame, at)
        at += 4
        partitions = [_ACKNOWLEDGED.unpack_from(frame, at + 30 * each) for each in range(number_of_partitions)]
        at += 30 * number_of_partitions
        topics.append((name, partitions))
    return topics


def encode_fetch(
    correlation_id: int,
    client: bytes,
    limits: tuple[int, int, int, int],
    session: tuple[int, int],
    topics: Mapping[str, Sequence[tuple[int, int, int]]],
    forgotten: Mapping[str, Sequence[int]],
) -> bytes:
    """Return a fetch request, with its size.

    Args:
        correlation_id: of the request.
        client: its name.
        limits: milliseconds to wait, bytes at least and at most, and the isolation level.
        session: the fetch session and its epoch.
        topics: partitions to fetch, each with its offset and the most bytes to return.
        forgotten: partitions of the session that are no longer to be fetched.
    """
    parts = [_FETCH.pack(-1, *limits, *session), _INT.pack(len(topics))]
    for topic, partitions in topics.items():
        name = topic.encode()
        parts += (_SHORT.pack(len(name)), name, _INT.pack(len(partitions)))
        parts += [_TO_FETCH.pack(number, offset, -1, most) for number, offset, most in partitions]
    parts.append(_INT.pack(len(forgotten)))
    for topic, numbers in forgotten.items():
        name = topic.encode()
        parts += (_SHORT.pack(len(name)), name, _INT.pack(len(numbers)))
        parts += [_INT.pack(number) for number in numbers]
    return _message(FETCH_KEY, correlation_id, client, parts)


def decode_fetched(frame: bytes) -> tuple[int, int, list[tuple[str, list[FetchedPartition]]]]:
    """Return the error code, the session and what was fetched, by topic, of an answer to a fetch request.

    Raises:
        struct.error: the answer is cut off.
    """
    topics = []
    (_, _, error, session, count), at = _ANSWER.unpack_from(frame, 0), 18
    for _ in range(count):
        (length,) = _SHORT.unpack_from(frame, at)
        name = frame[at + 2 : at + 2 + length].decode()
        at += 2 + length
        (number_of_partitions,) = _INT.unpack_from(frame, at)
        at += 4
        partitions = []
        for _ in range(number_of_partitions):
            number, code, high_watermark, stable, start, aborted_count = _FETCHED.unpack_from(frame, at)
            at += 34
            aborted = []
            for _ in range(aborted_count):
                aborted.append(_ABORTED.unpack_from(frame, at))
                at += 16
            (size,) = _INT.unpack_from(frame, at)
            at += 4
            batches = b""
            if size > 0:
                batches = frame[at : at + size]
                at += size
            partitions.append((number, code, high_watermark, stable, start, aborted, batches))
        topics.append((name, partitions))
    return error, session, topics
