"""A customer's story: what is known, in which segment since when and why, what was said, what comes next and when.

Everything is read from the topics, so the story needs Kafka alone and is that of the last flush. What comes next is
found by letting time go on over a copy of the profile: the same rules as the worker's, nothing else.
"""

import asyncio
from collections.abc import Iterable
from copy import deepcopy
from typing import Final, TypeVar

import msgspec

from agents.segment import PROGRESS_KEY, RULES_KEY, decode_progress
from state.changes import Changed, KeptBack, Message, Output, SegmentChange, Sent, Suppression
from state.decide import average_check, discount_share
from state.moments import format_ms
from state.money import format_minor
from state.partition import Partition, Progress
from state.policy import Policy
from state.profile import Person, Profile
from state.rules import Rules
from state.transitions import Tally, lapse
from streams.cluster import partitions_by_topic
from streams.customers_table import CustomersTable, chunk_owner
from streams.publish import partition_of
from streams.reading import read_range
from streams.settings import Settings
from streams.topics import Topics

Published = TypeVar("Published", SegmentChange, Message, Suppression)


class NothingKept(Exception):
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
    changes: list[SegmentChange]
    messages: list[Message]
    kept_back: list[Suppression]
    next: list[SegmentChange | Message | Suppression]


async def read_story(settings: Settings, customer_id: str) -> Story | None:
    """Read a customer's story; None for someone who is not known.

    Raises:
        NothingKept: there are no topics under the prefix, or no worker has run yet.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topics = Topics(settings.prefix)
    partitions = (await partitions_by_topic(settings)).get(topics.customers, 0)
    if not partitions:
        raise NothingKept(settings.prefix)
    reading = _Reading(settings, customer_id, partition_of(customer_id.encode(), partitions))
    (progress, rules), profile = await asyncio.gather(reading.progress(), reading.profile())
    if rules is None:
        raise NothingKept(settings.prefix)
    if profile is None:
        return None
    changes, offers, reactivations, kept_back = await asyncio.gather(
        reading.published(topics.segment_changes, SegmentChange),
        reading.published(topics.offers, Message),
        reading.published(topics.reactivations, Message),
        reading.published(topics.suppressions, Suppression),
    )
    person = profile.person or Person()
    return Story(
        customer_id=customer_id,
        partition=reading.partition,
        as_of=format_ms(max(progress.time, profile.judged)),
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
        changes=sorted(_once(changes, lambda_id_of_change), key=_seq),
        messages=[],
        kept_back=kept_back,
        next=[],
    )
