"""The progress of a lane, as records of `progress`, with the policies and campaigns that it refers to."""

from collections.abc import AsyncIterable, Sequence

import msgspec
from aiokafka import ConsumerRecord

from state.records.events import UnknownFormatVersion
from state.records.progress import Progress

PROGRESS_FORMAT = 1
PROGRESS_KEY = b"segment"
RULES_KEY = b"rules:"
"""Followed by the offset in `control` of the policy or campaigns that the value holds as TOML."""
_PROGRESS = bytes([PROGRESS_FORMAT])


def encode_progress(progress: Progress) -> bytes:
    """Encode progress as one byte of format version and MessagePack."""
    return _PROGRESS + msgspec.msgpack.encode(progress)


def decode_progress(value: bytes) -> Progress:
    """Decode the value of a progress record.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
    """
    if value[:1] != _PROGRESS:
        raise UnknownFormatVersion(value[0] if value else None)
    return msgspec.msgpack.decode(value[1:], type=Progress)


async def read_progress(batches: AsyncIterable[Sequence[ConsumerRecord]]) -> tuple[Progress | None, dict[int, str]]:
    """Return the progress of a partition and the TOML of its rules by their offset in `control`.

    The progress is None if no worker has written any.

    Args:
        batches: all records of a partition of `progress`.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    progress, texts = None, {}
    async for batch in batches:
        for record in batch:
            if record.key == PROGRESS_KEY:
                progress = decode_progress(record.value)
            elif record.value is not None:
                texts[int(record.key.removeprefix(RULES_KEY))] = record.value.decode()
    return progress, texts
