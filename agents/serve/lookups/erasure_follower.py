"""Follow who was erased and when: the erasure ledger, which has a hash of each id.

A look-up of somebody who is not in Redis asks here, so nothing is read for it. An erased customer takes some 200 bytes.
"""

import logging
from typing import Final

from aiokafka import TopicPartition
from msgspec import DecodeError

from state.records.erasure import decode_erasure, erasure_key
from state.records.events import UnknownFormatVersion
from streams.clock import Clock
from streams.kafka.cluster import open_consumer, partitions_by_topic
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

log = logging.getLogger(__name__)

POLL_MS: Final = 500
_MISSING_SECONDS: Final = 1.0


class ErasureFollower:
    """Follows `erasure-ledger`.

    Attributes:
        is_caught_up: whether everything that was in the ledger at the start is known.
    """

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.is_caught_up = False
        self._settings = settings
        self._clock = clock
        self._topic = Topics(settings.prefix).erasure_ledger
        self._erased_at_ms: dict[bytes, int] = {}

    def erased_at_ms(self, customer_id: str) -> int | None:
        """Return the `occurred_at` of a customer's last erasure, in milliseconds; None if they were not erased."""
        return self._erased_at_ms.get(erasure_key(customer_id))

    async def run(self) -> None:
        """Follow until cancelled; may be called again after an error.

        Raises:
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        count = (await partitions_by_topic(self._settings)).get(self._topic, 0)
        if not count:
            await self._clock.sleep(_MISSING_SECONDS)
            return
        partitions = [TopicPartition(self._topic, number) for number in range(count)]
        kafka = self._settings.kafka_client()
        async with open_consumer(kafka, [self._topic], auto_offset_reset="earliest") as consumer:
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            await consumer.seek_to_beginning(*partitions)
            while True:
                if not self.is_caught_up:
                    self.is_caught_up = all([await consumer.position(tp) >= end for tp, end in ends.items()])
                for batch in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                    for record in batch:
                        self._note(record.key, record.value)

    def _note(self, key: bytes, value: bytes | None) -> None:
        if value is None:  # a fence, not an erasure
            return
        try:
            self._erased_at_ms[key] = decode_erasure(value).occurred_at
        except (UnknownFormatVersion, DecodeError) as error:
            log.warning("%s cannot be read: %s", self._topic, error)
