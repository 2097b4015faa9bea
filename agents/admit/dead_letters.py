"""Refused records that are large: they may have come compressed, many times what a batch of the outbox holds.

They go through a producer of their own, compressed by zstd, which finds what any of the other compressions found. It is
not idempotent: a topic that refuses a record would leave a gap in the sequence of one that is, and stop everything.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

log = logging.getLogger(__name__)

LARGE_BYTES: Final = 256 * 1024
REQUEST_BYTES: Final = 1 << 30

RejectedRecord = tuple[str, int, bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Topic, partition, key, value and headers."""


async def publish_large_rejects(kafka: Mapping[str, Any], records: Sequence[RejectedRecord]) -> None:
    """Sends the records one by one; one that the topic is not made to hold goes there without its value.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached; sent records may be sent again.
    """
    producer = AIOKafkaProducer(**kafka, acks="all", compression_type="zstd", max_request_size=REQUEST_BYTES)
    await producer.start()
    try:
        for topic, partition, key, value, headers in records:
            try:
                await producer.send_and_wait(topic, value, key, partition, headers=headers)
            except MessageSizeTooLargeError:
                log.warning("%s refuses %d bytes: set its max.message.bytes to 4194304", topic, len(value or b""))
                await producer.send_and_wait(topic, None, key or b"", partition, headers=headers)
    finally:
        await producer.stop()
