"""Publish anonymous events once: no profile drops a second one, so it would count twice in the daily totals.

1. The ledger announces the event and holds it, with the partition where it goes and an offset that it cannot be below.
   From then on the event is safe, whatever happens to this process.
2. Of several announcements of an event the first one is in force, for all servers alike, since all read the ledger in
   one order. So this server reads its own, and goes on only if that is in force.
3. The event is published, within `PUBLISHED_WITHIN_S` or not at all (`abandonable_producer`).
4. The ledger confirms it.

If that does not end, any server settles it once the announcement is old: it looks for the event in the topic, and
confirms it, or announces and publishes it again.

The offset is asked for before the ledger is read to its end. So another server whose announcement is not in the index
yet has not published the event below that offset. Compaction may keep either announcement: both offsets are right.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.serve.hooks.announcing.abandonable_producer import AbandonableProducer
from agents.serve.hooks.orders.ledger_follower import LedgerFollower, NotFollowedError
from agents.serve.hooks.orders.order_index import Found, OrderIndex
from agents.serve.intake.publishing.event_publisher import NotPublishedError
from streams.clock import Clock
from streams.errors import describe_error
from streams.kafka.broker import KafkaBroker
from streams.kafka.topics import Topics
from streams.kafka.writing.publisher import partition_of
from streams.settings.settings import Settings
from streams.tables.announced_events import event_id_of, find_published
from streams.tables.order_ledger import Announcement, LedgerEntry, encode_entry, entry_partition

log = logging.getLogger(__name__)

ANNOUNCED_WITHIN_S: Final = 4.0
PUBLISHED_WITHIN_S: Final = 4.5
"""From the announcement on; platforms that send webhooks wait for five seconds."""
ARRIVES_WITHIN_S: Final = 5.0
"""How long a broker that answers again may take for the requests that it had received before."""
ANSWERS_WITHIN_S: Final = 30.0
SEARCHES_WITHIN_S: Final = 600.0
"""How long settling looks for events in the topic."""

_SOURCE: Final = "events"
_ERRORS: Final = (KafkaError, OSError, NotFollowedError)  # a timeout is an OSError


class Announcer:
    """Announces, publishes and confirms anonymous events; call `close` in the end."""

    def __init__(
        self, settings: Settings, index: OrderIndex, follower: LedgerFollower, clock: Clock, announced_within_s: float
    ) -> None:
        """Take what knows the ledger, and how long announcing may take in a request, in seconds."""
        self._topics = Topics(settings.prefix)
        self._broker = KafkaBroker(settings)
        self._producer = AbandonableProducer(settings)
        self._index = index
        self._follower = follower
        self._clock = clock
        self._announced_within_s = announced_within_s

    async def close(self) -> None:
        """Close the connections."""
        await self._producer.close()

    async def prepare(self, entry: LedgerEntry) -> Announcement:
        """Return where the event of an entry without a customer will be; the ledger is read to its end.

        Raises:
            NotPublishedError: Kafka is away; nothing is announced.
        """
        try:
            async with asyncio.timeout(self._announced_within_s):
                return await self._prepare(entry)
        except _ERRORS as error:
            raise NotPublishedError(f"Kafka is away: {describe_error(error)}") from error

    async def publish(self, entry: LedgerEntry, announcement: Announcement, event: bytes) -> bool:
        """Publish an event, unless another announcement of its entry is in force: then return False.

        Otherwise it is safe: published, or announced, so that a server publishes it.

        Raises:
            NotPublishedError: it is not known to be announced.
        """
        begun = self._clock.boot_seconds()
        announced = msgspec.structs.replace(entry.with_event(event), published=(), announced=announcement)
        try:
            async with asyncio.timeout(self._announced_within_s):
                is_in_force = await self._announce(announced)
        except _ERRORS as error:
            raise NotPublishedError(f"Kafka has not acknowledged: {describe_error(error)}") from error
        left_s = begun + PUBLISHED_WITHIN_S - self._clock.boot_seconds()
        if is_in_force and left_s > 0:  # otherwise this process has stood still, and another one may publish it now
            try:
                async with asyncio.timeout(left_s):
                    await self._publish(announced)
            except _ERRORS as error:
                log.warning("an event is announced, and published later: %s", describe_error(error))
        return is_in_force

    async def settle(self) -> None:
        """Confirm or publish what was announced long ago.

        Raises:
            NotPublishedError: Kafka is away.
        """
        found = self._index.unsettled(self._clock.wall_ms())
        if not found:
            return
        try:
            async with asyncio.timeout(SEARCHES_WITHIN_S):
                published = await self._find_published([each.entry for each in found])
            for each in found:
                async with asyncio.timeout(ANSWERS_WITHIN_S):
                    await self._settle(each, is_published=event_id_of(each.entry.announced_event) in published)
        except _ERRORS as error:
            raise NotPublishedError(f"announced events wait: {describe_error(error)}") from error

    async def _find_published(self, entries: Sequence[LedgerEntry]) -> set[str]:
        places = [entry.announced for entry in entries if entry.announced is not None]
        counts = await self._broker.partitions_by_topic()
        for tp in {TopicPartition(self._topics.full(each.topic), each.partition) for each in places}:
            if tp.partition < counts.get(tp.topic, 0):
                await self._follower.find_end(tp)
        await self._clock.sleep(ARRIVES_WITHIN_S)
        wanted = {event_id_of(entry.announced_event) for entry in entries}
        return await find_published(self._broker, self._topics, places, wanted)

    async def _settle(self, found: Found, *, is_published: bool) -> None:
        entry = found.entry
        if is_published:
            await self._confirm(entry)
            return
        announcement = await self._prepare(entry)
        if self._index.find("", entry.kind, entry.id) == found:  # otherwise another server settles it
            await self.publish(entry, announcement, entry.announced_event)

    async def _prepare(self, entry: LedgerEntry) -> Announcement:
        topic = self._topics.full(_SOURCE)
        partition = partition_of(entry.key, await self._producer.count_partitions(topic))
        offset = await self._follower.find_end(TopicPartition(topic, partition))
        ledger = await self._ledger_partition(entry)
        await self._follower.reach(ledger, await self._follower.find_end(ledger))
        return Announcement("", 0, _SOURCE, partition, offset)

    async def _announce(self, announced: LedgerEntry) -> bool:
        """Write an announcement; return whether it is in force."""
        ledger = await self._ledger_partition(announced)
        at_ms, value = self._clock.wall_ms(), encode_entry(announced)
        offset = await self._producer.send(ledger.topic, ledger.partition, announced.key, value, at_ms)
        await self._follower.reach(ledger, offset + 1)
        found = self._index.find("", announced.kind, announced.id)
        return found is not None and found.place == offset

    async def _publish(self, announced: LedgerEntry) -> None:
        assert announced.announced is not None
        topic = self._topics.full(announced.announced.topic)
        await self._producer.send(topic, announced.announced.partition, None, announced.announced_event)
        await self._confirm(announced)

    async def _confirm(self, announced: LedgerEntry) -> None:
        entry = announced.confirmed()
        ledger, value = await self._ledger_partition(entry), encode_entry(entry)
        await self._producer.send(ledger.topic, ledger.partition, entry.key, value)
        self._index.put(entry, value, self._clock.wall_ms())

    async def _ledger_partition(self, entry: LedgerEntry) -> TopicPartition:
        topic = self._topics.order_ledger
        count = await self._producer.count_partitions(topic)
        return TopicPartition(topic, entry_partition("", entry.key, count))
