"""The proof that a customer was erased: the ledger's entry, and that nothing else is left."""

import msgspec
from redis.exceptions import RedisError

from agents.project.redis_connection import connect_redis
from state.customer.profile import decode_profile
from state.records.erasure import Erasure, erasure_key
from state.units.timestamps import format_ms
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.kafka.writing.publisher import partition_of
from streams.settings.settings import Settings
from streams.tables.customers_table import is_chunk_of
from streams.tables.erasure_ledger import read_ledger
from streams.tables.order_ledger import customer_part, decode_entry


class ErasureProof(msgspec.Struct, frozen=True):
    """What shows that a customer was erased. Of the id, the ledger has only the hash.

    Attributes:
        customer_id: as asked for.
        id_sha256: the key of the entry.
        erased_at: `occurred_at` of the erasure.
        journal: where the erasure is in the journal: everything of the customer at or before it is dropped, also by
            every recovery and replay.
        last_seq: number of the customer's last segment change before it.
        is_profile_gone: whether the table has no profile of the customer, or only a later one.
        is_tombstone_published: whether `segment-changes` has the tombstone; compaction deletes what is before it.
        are_orders_gone: whether the order ledger has no entry of the customer from before it.
        is_gone_from_redis: whether Redis has nothing of before; None if none is set, or it does not answer.
        is_known_again: whether a later signup or purchase has made the customer known again.
    """

    customer_id: str
    id_sha256: str
    erased_at: str
    journal: str
    last_seq: int
    is_profile_gone: bool
    is_tombstone_published: bool
    are_orders_gone: bool
    is_gone_from_redis: bool | None
    is_known_again: bool

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to do."""
        return (
            self.is_profile_gone
            and self.is_tombstone_published
            and self.are_orders_gone
            and self.is_gone_from_redis is not False
        )


async def read_erasure(settings: Settings, customer_id: str) -> Erasure | None:
    """Return the ledger's entry for a customer; None if there is none.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topics = Topics(settings.prefix)
    partitions = (await partitions_by_topic(settings)).get(topics.erasure_ledger, 0)
    if not partitions:
        return None
    number = partition_of(customer_id.encode(), partitions)
    ledger = await read_ledger(read_range(settings.kafka_client(), topics.erasure_ledger, number))
    return ledger.get(erasure_key(customer_id))


async def read_proof(settings: Settings, customer_id: str) -> ErasureProof | None:
    """Return the proof of a customer's last erasure; None if the ledger has none.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    erasure = await read_erasure(settings, customer_id)
    if erasure is None:
        return None
    topics, key = Topics(settings.prefix), customer_id.encode()
    counts = await partitions_by_topic(settings)
    number = partition_of(key, counts[topics.customers])
    has_order_ledger = topics.order_ledger in counts
    offset, has_chunks = await _read_table(settings, topics.customers, number, key)
    tombstone = await _is_tombstone_published(settings, topics.segment_changes, number, key)
    is_known_again = offset is not None and offset > erasure.offset
    return ErasureProof(
        customer_id=customer_id,
        id_sha256=erasure_key(customer_id).hex(),
        erased_at=format_ms(erasure.occurred_at),
        journal=f"{topics.journal}:{number}:{erasure.offset}",
        last_seq=erasure.seq,
        is_profile_gone=is_known_again or (offset is None and not has_chunks),
        is_tombstone_published=tombstone,
        are_orders_gone=not has_order_ledger
        or await _are_orders_gone(settings, topics.order_ledger, number, erasure, customer_id),
        is_gone_from_redis=True if is_known_again else await _is_gone_from_redis(settings, customer_id),
        is_known_again=is_known_again,
    )


async def _read_table(settings: Settings, topic: str, number: int, key: bytes) -> tuple[int | None, bool]:
    """Return the journal offset of the customer's profile, None if there is none, and whether it has chunks."""
    profile: bytes | None = None
    chunks: set[bytes] = set()
    async for batch in read_range(settings.kafka_client(), topic, number):
        for record in batch:
            if record.key == key:
                profile = record.value
            elif is_chunk_of(record.key, key):
                (chunks.add if record.value is not None else chunks.discard)(record.key)
    return (None if profile is None else decode_profile(profile).offset), bool(chunks)


async def _is_tombstone_published(settings: Settings, topic: str, number: int, key: bytes) -> bool:
    """Return whether there is a tombstone of the customer."""
    was_erased = False
    async for batch in read_range(settings.kafka_client(), topic, number):
        for record in batch:
            if record.key == key:
                was_erased = was_erased or record.value is None
    return was_erased


async def _are_orders_gone(settings: Settings, topic: str, number: int, erasure: Erasure, customer_id: str) -> bool:
    """Return whether no entry of the order ledger is from before the erasure."""
    part = customer_part(erasure_key(customer_id))
    outdated: set[bytes] = set()
    async for batch in read_range(settings.kafka_client(), topic, number):
        for record in batch:
            if customer_part(record.key) != part:
                continue
            is_left = record.value is not None and decode_entry(record.value).erasure_offset < erasure.offset
            (outdated.add if is_left else outdated.discard)(record.key)
    return not outdated


async def _is_gone_from_redis(settings: Settings, customer_id: str) -> bool | None:
    if settings.redis is None:
        return None
    redis = connect_redis(settings)
    try:
        return not await redis.exists(f"{settings.prefix}:customer:{customer_id}")
    except (RedisError, OSError):
        return None
    finally:
        await redis.aclose()
