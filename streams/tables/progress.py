"""How far a lane is, as records of `progress`; beside it lie the policies and campaigns that it names."""

from collections.abc import Mapping
from typing import Any

import msgspec

from state.records.events import UnknownFormatVersion
from state.records.progress import Progress
from streams.kafka.reader import read_range

PROGRESS_FORMAT = 1
PROGRESS_KEY = b"segment"
RULES_KEY = b"rules:"
"""What follows is the place in `control`: the policies and campaigns that the progress names."""
_PROGRESS = bytes([PROGRESS_FORMAT])


def encode_progress(progress: Progress) -> bytes:
    """Progress as a record: one byte of format version, then MessagePack."""
    return _PROGRESS + msgspec.msgpack.encode(progress)


def decode_progress(value: bytes) -> Progress:
    """The progress in a record's value.

    Raises:
        UnknownFormat: it was written by a version that this one does not know.
    """
    if value[:1] != _PROGRESS:
        raise UnknownFormatVersion(value[0] if value else None)
    return msgspec.msgpack.decode(value[1:], type=Progress)


async def read_progress(kafka: Mapping[str, Any], topic: str, partition: int) -> tuple[Progress | None, dict[int, str]]:
    """The progress of a partition, None where no worker has begun; and the policies and campaigns by their places.

    Raises:
        UnknownFormat: it was written by a version that this one does not know.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    progress, texts = None, {}
    async for batch in read_range(kafka, topic, partition):
        for record in batch:
            if record.key == PROGRESS_KEY:
                progress = decode_progress(record.value)
            elif record.value is not None:
                texts[int(record.key.removeprefix(RULES_KEY))] = record.value.decode()
    return progress, texts
