"""Large rejected records: they may have arrived compressed, many times larger than a batch of the stage's producer.

They go through a producer of their own, compressed by zstd, which shrinks what any other codec shrank. It is not
idempotent: a record that the topic refuses would leave a gap in an idempotent producer's sequence and block the rest.
"""

import logging
from collections.abc import Sequence
from typing import Final

from aiokafka.errors import MessageSizeTooLargeError

from streams.kafka.broker import Broker

log = logging.getLogger(__name__)

LARGE_BYTES: Final = 256 * 1024
MAX_REQUEST_BYTES: Final = 1 << 30

RejectedRecord = tuple[str, int, bytes | None, bytes | None, list[tuple[str, bytes]]]
"""Topic, partition, key, value and headers."""


async def publish_large_rejects(broker: Broker, records: Sequence[RejectedRecord]) -> None:
    """Send the records one by one; where the topic refuses a record for its size, send it without its value.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached; records may be sent again.
    """
    producer = await broker.large_record_producer(MAX_REQUEST_BYTES)
    try:
        for topic, partition, key, value, headers in records:
            try:
                await producer.send_and_wait(topic, value, key, partition, headers=headers)
            except MessageSizeTooLargeError:
                log.warning("%s refuses %d bytes: set its max.message.bytes to 4194304", topic, len(value or b""))
                await producer.send_and_wait(topic, None, key or b"", partition, headers=headers)
    finally:
        await producer.stop()
