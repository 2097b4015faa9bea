"""The progress of a lane, as records of `progress`, with the policies and campaigns that it refers to."""

from collections.abc import AsyncIterable, Sequence
from typing import Final, NamedTuple

import msgspec
from aiokafka import ConsumerRecord

from state.records.events import UnknownFormatVersion
from state.records.progress import Progress

PROGRESS_FORMAT = 2
_EARLIER_FORMAT: Final = 1
"""It ended before `begins_at`."""
PROGRESS_KEY = b"segment"
RULES_KEY = b"rules:"
"""Followed by the offset in `control` of the policy or campaigns that the value holds as TOML."""
ORDERS_ERASED_KEY: Final = b"orders-erased"
"""The value is a journal offset: the order ledger has no entry of a customer erased at or below it."""
NOTHING_ERASED: Final = -1
_PROGRESS = bytes([PROGRESS_FORMAT])
_ORDERS_ERASED: Final = b"\x01"
"""The format version of that value."""


def encode_progress(progress: Progress) -> bytes:
    """Encode progress as one byte of format version and MessagePack."""
    return _PROGRESS + msgspec.msgpack.encode(progress)


def decode_progress(value: bytes) -> Progress:
    """Decode the value of a progress record.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
    """
    if not value or value[0] not in (PROGRESS_FORMAT, _EARLIER_FORMAT):
        raise UnknownFormatVersion(value[0] if value else None)
    return msgspec.msgpack.decode(value[1:], type=Progress)


def encode_orders_erased(offset: int) -> bytes:
    """Encode the offset of `ORDERS_ERASED_KEY` as one byte of format version and MessagePack."""
    return _ORDERS_ERASED + msgspec.msgpack.encode(offset)


def decode_orders_erased(value: bytes) -> int:
    """Decode the value of `ORDERS_ERASED_KEY`.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
    """
    if value[:1] != _ORDERS_ERASED:
        raise UnknownFormatVersion(value[0] if value else None)
    return msgspec.msgpack.decode(value[1:], type=int)


class WrittenProgress(NamedTuple):
    """What a partition of `progress` holds.

    Attributes:
        progress: of the lane; None if no worker has written any.
        texts: the TOML of its rules, by their offset in `control`.
        orders_erased: the journal offset up to which erasures are done in the order ledger; `NOTHING_ERASED` if none.
    """

    progress: Progress | None
    texts: dict[int, str]
    orders_erased: int


async def read_progress(batches: AsyncIterable[Sequence[ConsumerRecord]]) -> WrittenProgress:
    """Return what is written of the progress of a lane.

    Args:
        batches: all records of a partition of `progress`.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    progress, texts, orders_erased = None, {}, NOTHING_ERASED
    async for batch in batches:
        for record in batch:
            if record.key == PROGRESS_KEY:
                progress = decode_progress(record.value)
            elif record.key == ORDERS_ERASED_KEY:
                orders_erased = decode_orders_erased(record.value)
            elif record.value is not None:
                texts[int(record.key.removeprefix(RULES_KEY))] = record.value.decode()
    return WrittenProgress(progress, texts, orders_erased)
