"""Read a customer's story from the topics. It needs Kafka alone, and shows the state of the worker's last flush."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple, TypeVar

import msgspec
from aiokafka import ConsumerRecord

from agents.customer_view.story import Story, facts_of, forecast_events, orders_of, silenced_by
from agents.customer_view.story_runs import run_stories
from agents.customer_view.story_traits import read_traits
from state.config.policy import json_number
from state.config.ruleset import Ruleset
from state.customer.profile import Profile
from state.customer.profile_schema import ContactProfile
from state.fold.partition import Partition
from state.records.erasure import Erasure, erasure_key
from state.records.outputs import Message, SegmentChangeValue, Suppression
from state.records.progress import Progress
from state.units.timestamps import format_ms
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.kafka.writing.publisher import partition_of
from streams.settings.settings import Settings
from streams.tables.customers_table import CustomersTable, is_chunk
from streams.tables.erasure_ledger import read_ledger
from streams.tables.progress import read_progress

Published = TypeVar("Published", SegmentChangeValue, Message, Suppression)


class NoCustomers(Exception):
    """No worker has stored customers under this prefix yet."""

    def __init__(self, prefix: str) -> None:
        super().__init__(
            f"there are no customers under the prefix {prefix}; correct GOLDSTREAM_PREFIX, or start a worker first"
        )


class CustomerErased(Exception):
    """Nothing is known about the customer since an erasure.

    Attributes:
        erased_at_ms: its `occurred_at`.
    """

    def __init__(self, customer_id: str, erased_at_ms: int) -> None:
        self.erased_at_ms = erased_at_ms
        super().__init__(
            f"customer {customer_id!r} was erased on {format_ms(erased_at_ms)}, and nothing is known since; a later "
            "signup or purchase makes them known again"
        )


async def read_story(settings: Settings, customer_id: str) -> Story | None:
    """Read a customer's story; None for an unknown customer.

    Raises:
        NoCustomers: there are no topics under the prefix, or no worker has run yet.
        CustomerErased: nothing is known since the customer's erasure.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topics = Topics(settings.prefix)
    partitions = (await partitions_by_topic(settings)).get(topics.customers, 0)
    if not partitions:
        raise NoCustomers(settings.prefix)
    reader = _CustomerReader(settings, customer_id, partition_of(customer_id.encode(), partitions))
    (progress, rules), profile = await asyncio.gather(reader.progress(), reader.profile())
    if rules is None:
        raise NoCustomers(settings.prefix)
    if profile is None:
        ledger_entry = await reader.erasure()
        if ledger_entry is not None:
            raise CustomerErased(customer_id, ledger_entry.occurred_at)
        return None
    (changes, erasure), offers, reactivations, suppressions = await asyncio.gather(
        reader.changes(),
        reader.published(topics.offers, Message),
        reader.published(topics.reactivations, Message),
        reader.published(topics.suppressions, Suppression),
    )
    messages = [message for message in [*offers, *reactivations] if erasure.is_before(message, message.due_at)]
    contact_profile = profile.contact_profile or ContactProfile()
    as_of_ms = max(progress.watermark, profile.evaluated_at)
    return Story(
        customer_id=customer_id,
        partition=reader.partition,
        as_of=format_ms(as_of_ms),
        policy=profile.policy,
        window_days=json_number(rules.policy.window_days),
        segment=profile.segment,
        cell=profile.cell,
        since=format_ms(profile.since),
        seq=profile.seq,
        facts=facts_of(profile, rules.policy),
        signup={name: fact.value for name, fact in contact_profile.facts.items()},
        consents={channel: consent.granted for channel, consent in contact_profile.consents.items()},
        contacts=dict(contact_profile.contacts),
        traits=read_traits(profile, rules.policy, as_of_ms),
        orders=orders_of(profile, rules.policy),
        runs=run_stories(customer_id, profile, rules.campaigns),
        silenced_by=silenced_by(profile),
        dead_channels=[] if profile.engagement is None else list(profile.engagement.dead_channels),
        changes=changes,
        messages=sorted(messages, key=lambda message: message.due_at),
        suppressions=[each for each in suppressions if erasure.is_before(each, each.at)],
        next=forecast_events(customer_id, profile, rules),
    )


class _CustomerReader:
    """Reads what the topics hold about one customer."""

    def __init__(self, settings: Settings, customer_id: str, partition: int) -> None:
        self.partition = partition
        self._kafka = settings.kafka_client()
        self._topics = Topics(settings.prefix)
        self._customer_id = customer_id
        self._key = customer_id.encode()

    async def progress(self) -> tuple[Progress, Ruleset | None]:
        """Read the partition's progress and active rules; no rules if no worker has run yet."""
        written = await read_progress(read_range(self._kafka, self._topics.progress, self.partition))
        partition = Partition(CustomersTable(), written.progress, texts=written.texts)
        return partition.progress, partition.rules

    async def profile(self) -> Profile | None:
        """Read the customer's profile.

        Chunks of other customers whose id ends in this one are restored too, and never looked up.
        """
        table = CustomersTable()
        async for record in self._records(self._topics.customers):
            if record.key == self._key or (is_chunk(record.key) and record.key.endswith(self._key)):
                table.restore(record.key, record.value)
        table.finish_restore()
        return table.get(self._customer_id)

    async def erasure(self) -> Erasure | None:
        """Read the customer's last erasure from the ledger; None if there is none."""
        ledger = await read_ledger(read_range(self._kafka, self._topics.erasure_ledger, self.partition))
        return ledger.get(erasure_key(self._customer_id))

    async def changes(self) -> tuple[list[SegmentChangeValue], "_LastErasure"]:
        """Read the segment changes after the last erasure, in order, and that erasure."""
        changes: dict[int, SegmentChangeValue] = {}
        erasure = _LastErasure(0, "")
        async for record in self._records(self._topics.segment_changes):
            if record.key != self._key:
                continue
            if record.value is None:
                headers = dict(record.headers)
                erasure = _LastErasure(int(headers["ce_id"].rsplit(b":", 2)[1]), headers["ce_time"].decode())
                changes.clear()
            else:
                change = msgspec.json.decode(record.value, type=SegmentChangeValue)
                changes[change.seq] = change
        return [changes[seq] for seq in sorted(changes)], erasure

    async def published(self, topic: str, kind: type[Published]) -> list[Published]:
        """Read what a topic holds about the customer, in order, without repeats."""
        by_id: dict[bytes, Published] = {}
        async for record in self._records(topic):
            if record.key == self._key and record.value is not None:
                by_id[dict(record.headers)["ce_id"]] = msgspec.json.decode(record.value, type=kind)
        return list(by_id.values())

    async def _records(self, topic: str) -> AsyncIterator[ConsumerRecord]:
        async for batch in read_range(self._kafka, topic, self.partition):
            for record in batch:
                yield record


class _LastErasure(NamedTuple):
    """The seq of the last change before the customer's last erasure, and its moment; 0 and "" without an erasure."""

    seq: int
    at: str

    def is_before(self, published: Message | Suppression, published_at: str) -> bool:
        """Return whether the erasure came before this message or suppression, so that the story may show it."""
        if published.change is None:
            return published_at > self.at
        return int(published.change.id.rpartition(":")[2]) > self.seq
