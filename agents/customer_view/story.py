"""A customer's story: what is known, in which segment since when and why, what was said, what comes next and when.

Everything is read from the topics, so the story needs Kafka alone and is that of the last flush. What comes next is
found by letting time go on over a copy of the profile: the same rules as the worker's, nothing else.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Final, NamedTuple, TypeVar

import msgspec
from aiokafka import ConsumerRecord

from agents.customer_view.story_runs import RunStory, run_stories
from agents.customer_view.story_traits import Traits, read_traits
from state.config.policy import Policy
from state.config.ruleset import Ruleset
from state.customer.averages import average_check, discount_share
from state.customer.order_chunks import copy_profile
from state.customer.profile import Profile
from state.customer.profile_schema import ContactProfile
from state.fold.partition import Partition
from state.fold.transitions import FoldCounters, advance_time
from state.records.outputs import (
    ErasureTombstone,
    Message,
    OutcomeReported,
    Output,
    SegmentChanged,
    SegmentChangeValue,
    Suppression,
    to_segment_change,
)
from state.records.progress import Progress
from state.units.money import format_minor
from state.units.timestamps import DAY_MS, format_ms
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.publisher import partition_of
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.customers_table import CustomersTable, is_chunk
from streams.tables.progress import read_progress

FORESEEN_MS: Final = 20 * 365 * DAY_MS
"""How far ahead what comes next is looked for: further than any window and any last edge in use."""

StoryMessage = SegmentChangeValue | Message | Suppression
Published = TypeVar("Published", SegmentChangeValue, Message, Suppression)


class CustomerUnknown(Exception):
    """Under this prefix no worker has kept anything yet."""

    def __init__(self, prefix: str) -> None:
        """Say what to do."""
        super().__init__(
            f"no customers are kept under the prefix {prefix}; correct GOLDSTREAM_PREFIX, or start a worker first"
        )


class Facts(msgspec.Struct, frozen=True):
    """What a customer bought; money in major units, moments in RFC 3339.

    `frequency` and `monetary` are those of the window, everything else of a lifetime.
    """

    currency: str
    first_order_at: str | None
    last_order_at: str | None
    frequency: int
    monetary: str
    lifetime_orders: int
    lifetime_value: str
    average_check: str
    discount_share: float
    refunded: str
    refunds: int


class Story(msgspec.Struct, frozen=True):
    """A customer's story.

    Attributes:
        partition: of the journal and all topics after it.
        as_of: the moment up to which it is told: the partition's time, or later if the customer was judged later.
        policy: name and version of the policy by which they were last judged; `window_days` of the one in force.
        since: when they came to the segment; `cell` the scores now.
        seq: number of changes so far; topics may no longer have the first ones.
        signup: the facts of signups.
        consents: channel to whether it was granted.
        contacts: what became of messages, by kind.
        traits: how they buy, and what would change their segment.
        runs: the campaigns under way; `silenced_by` the one that came to nothing, so that nothing is sent any more.
        dead_channels: channels from which a message came back for good.
        changes: so far, in order; messages likewise, and those that were kept back.
        next: what comes if nothing happens but time going by.
    """

    customer_id: str
    partition: int
    as_of: str
    policy: str
    window_days: str
    segment: str
    cell: str
    since: str
    seq: int
    facts: Facts
    signup: dict[str, str]
    consents: dict[str, bool]
    contacts: dict[str, int]
    traits: Traits
    runs: list[RunStory]
    silenced_by: str | None
    dead_channels: list[str]
    changes: list[SegmentChangeValue]
    messages: list[Message]
    kept_back: list[Suppression]
    next: list[StoryMessage]


async def read_story(settings: Settings, customer_id: str) -> Story | None:
    """Read a customer's story; None for someone who is not known.

    Raises:
        NothingKept: there are no topics under the prefix, or no worker has run yet.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topics = Topics(settings.prefix)
    partitions = (await partitions_by_topic(settings)).get(topics.customers, 0)
    if not partitions:
        raise CustomerUnknown(settings.prefix)
    reading = _Reading(settings, customer_id, partition_of(customer_id.encode(), partitions))
    (progress, rules), profile = await asyncio.gather(reading.progress(), reading.profile())
    if rules is None:
        raise CustomerUnknown(settings.prefix)
    if profile is None:
        return None
    (changes, forgotten), offers, reactivations, kept_back = await asyncio.gather(
        reading.changes(),
        reading.read_published(topics.offers, Message),
        reading.read_published(topics.reactivations, Message),
        reading.read_published(topics.suppressions, Suppression),
    )
    messages = [message for message in [*offers, *reactivations] if forgotten.is_before(message, message.due_at)]
    person = profile.contact_profile or ContactProfile()
    return Story(
        customer_id=customer_id,
        partition=reading.partition,
        as_of=format_ms(max(progress.watermark, profile.evaluated_at)),
        policy=profile.policy,
        window_days=rules.policy.window_days,
        segment=profile.segment,
        cell=profile.cell,
        since=format_ms(profile.since),
        seq=profile.seq,
        facts=facts_of(profile, rules.policy),
        signup={name: known.value for name, known in person.facts.items()},
        consents={channel: consent.granted for channel, consent in person.consents.items()},
        contacts=dict(person.contacts),
        traits=read_traits(profile, rules.policy, max(progress.watermark, profile.evaluated_at)),
        runs=run_stories(customer_id, profile, rules.campaigns),
        silenced_by=silenced_by(profile),
        dead_channels=[] if profile.engagement is None else profile.engagement.dead_channels,
        changes=changes,
        messages=sorted(messages, key=lambda message: message.due_at),
        kept_back=[each for each in kept_back if forgotten.is_before(each, each.at)],
        next=what_comes(customer_id, profile, rules),
    )


def facts_of(profile: Profile, policy: Policy) -> Facts:
    """What the customer bought, as of the last judgement."""

    def moment(at_ms: int | None) -> str | None:
        return None if at_ms is None else format_ms(at_ms)

    def money(minor: int) -> str:
        return format_minor(minor, policy.digits)

    return Facts(
        currency=policy.currency,
        first_order_at=moment(profile.first_order_at),
        last_order_at=moment(profile.last_order_at),
        frequency=profile.frequency,
        monetary=money(profile.monetary),
        lifetime_orders=profile.lifetime_orders,
        lifetime_value=money(profile.lifetime_net),
        average_check=money(average_check(profile)),
        discount_share=discount_share(profile),
        refunded=money(profile.refunded),
        refunds=profile.refund_count,
    )


def silenced_by(profile: Profile) -> str | None:
    """The campaign that came to nothing, so that nothing is sent to the customer any more."""
    silence = None if profile.engagement is None else profile.engagement.silence
    return None if silence is None else silence.campaign


def what_comes(customer_id: str, profile: Profile, rules: Ruleset) -> list[StoryMessage]:
    """What is told of the customer, in order, if nothing happens but time going by; the profile stays as it is."""
    out: list[Output] = []
    advance_time(customer_id, copy_profile(profile), profile.evaluated_at + FORESEEN_MS, rules, out, FoldCounters())
    return [
        to_segment_change(output) if isinstance(output, SegmentChanged) else output.value
        for output in out
        if not isinstance(output, ErasureTombstone | OutcomeReported)
    ]


class _Reading:
    """Reads what is kept of one customer."""

    def __init__(self, settings: Settings, customer_id: str, partition: int) -> None:
        self.partition = partition
        self._kafka = settings.kafka_client()
        self._topics = Topics(settings.prefix)
        self._customer_id = customer_id
        self._key = customer_id.encode()

    async def progress(self) -> tuple[Progress, Ruleset | None]:
        """How far the partition has come, and by which rules; None where no worker has begun."""
        progress, texts = await read_progress(self._kafka, self._topics.progress, self.partition)
        partition = Partition(CustomersTable(), progress, texts=texts)
        return partition.progress, partition.rules

    async def profile(self) -> Profile | None:
        """The customer's profile; a chunk of somebody else's whose id ends like this one's does no harm."""
        table = CustomersTable()
        async for record in self._records(self._topics.customers):
            if record.key == self._key or (is_chunk(record.key) and record.key.endswith(self._key)):
                table.restore(record.key, record.value)
        table.finish_restore()
        return table.get(self._customer_id)

    async def changes(self) -> tuple[list[SegmentChangeValue], "_Forgotten"]:
        """The changes in their order, and what an erasure has taken away."""
        changes: dict[int, SegmentChangeValue] = {}
        forgotten = _Forgotten(0, "")
        async for record in self._records(self._topics.segment_changes):
            if record.key != self._key:
                continue
            if record.value is None:
                headers = dict(record.headers)
                forgotten = _Forgotten(int(headers["ce_id"].rsplit(b":", 2)[1]), headers["ce_time"].decode())
                changes.clear()
            else:
                change = msgspec.json.decode(record.value, type=SegmentChangeValue)
                changes[change.seq] = change
        return [changes[seq] for seq in sorted(changes)], forgotten

    async def read_published(self, topic: str, kind: type[Published]) -> list[Published]:
        """What was published of the customer in a topic, in its order; a repeat counts once."""
        found: dict[bytes, Published] = {}
        async for record in self._records(topic):
            if record.key == self._key and record.value is not None:
                found[dict(record.headers)["ce_id"]] = msgspec.json.decode(record.value, type=kind)
        return list(found.values())

    async def _records(self, topic: str) -> AsyncIterator[ConsumerRecord]:
        async for batch in read_range(self._kafka, topic, self.partition):
            for record in batch:
                yield record


class _Forgotten(NamedTuple):
    """The last erasure: the number of the last change before it, 0 without one, and when it was."""

    seq: int
    at: str

    def is_before(self, told: Message | Suppression, at: str) -> bool:
        """Whether it came before what was said at that moment, so that this is still known."""
        if told.change is None:
            return at > self.at
        return int(told.change.id.rpartition(":")[2]) > self.seq
