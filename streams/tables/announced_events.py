"""Look in the source topics for events that the order ledger announces without saying that they are published."""

from collections.abc import AsyncIterator, Iterable
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Final

import msgspec
from aiokafka import ConsumerRecord

from streams.clock import Clock
from streams.kafka.broker import Broker
from streams.kafka.reader import OffsetTruncated
from streams.kafka.topics import Topics
from streams.tables.order_ledger import SETTLED_AFTER_MS, Announcement

SERVERS_SETTLE_WITHIN_MS: Final = 3 * SETTLED_AFTER_MS
"""How old an announcement of a hook is if no server runs that could settle it; servers look twice a minute."""


class _Ids(msgspec.Struct):
    event_id: str
    refund_id: str | None = None


_decode_ids: Final = msgspec.json.Decoder(_Ids).decode


def event_id_of(event: bytes) -> str:
    """Return the id of an event as it is published."""
    return _decode_ids(event).event_id


async def wait_for_servers(announced_ms: int, clock: Clock) -> None:
    """Wait until servers that run have published what hooks have last announced at this time; 0: they have not."""
    if announced_ms:
        left_ms = announced_ms + SERVERS_SETTLE_WITHIN_MS - clock.wall_ms()
        await clock.sleep(max(0, min(left_ms, SERVERS_SETTLE_WITHIN_MS)) / 1000)


async def find_published(
    broker: Broker, topics: Topics, announced: Iterable[Announcement], wanted: AbstractSet[str]
) -> set[str]:
    """Return the ids, of events or refunds, that are in the partitions of source topics that announcements name.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    begins: dict[tuple[str, int], int] = {}
    for each in announced:
        place = each.topic, each.partition
        if each.partition >= 0:
            begins[place] = min(each.offset, begins.get(place, each.offset))
    counts = await broker.partitions_by_topic() if begins else {}
    found: set[str] = set()
    for (name, partition), begin in begins.items():
        topic = topics.full(name)
        if partition >= counts.get(topic, 0):  # the topic was deleted and created again
            continue
        try:
            found |= await _ids_in(broker.read(topic, partition, begin), wanted)
        except OffsetTruncated:  # by retention, or as above
            found |= await _ids_in(broker.read(topic, partition), wanted)
    return found


async def _ids_in(batches: AsyncIterator[list[ConsumerRecord]], wanted: AbstractSet[str]) -> set[str]:
    found: set[str] = set()
    async for batch in batches:
        for record in batch:
            with suppress(msgspec.MsgspecError, UnicodeDecodeError, TypeError):
                ids = _decode_ids(record.value)
                found.update({ids.event_id, ids.refund_id or ids.event_id} & wanted)
    return found
