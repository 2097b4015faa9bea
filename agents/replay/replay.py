"""`goldstream replay --into`: the journal again under another prefix, without the erased.

    1. `control` of the new prefix says that a replay is under way, and which policies and campaigns there are
    2. the ledger, so that who comes back counts on; then the journal, a class of partitions after the other
    3. where `admit` may go on with the old source topics
    4. `control` says that it is done

No worker of the new prefix begins before 4. Cut off anywhere, the same command goes on where it stopped; repeated after
4, while no worker has begun, it brings what the old journal has got since.
"""

import dataclasses
from collections.abc import Callable

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.replay.copy import CopyResult, JournalCopy, OldJournal
from agents.replay.currency_conversion import Conversion, IntoCurrency, unchanged
from agents.replay.cutover import hand_over, read_sources
from agents.replay.merge_order import Barrier, OldPartition, in_order
from agents.replay.replay_rules import ReplayRefused, ReplayRules
from agents.replay.target import open_target
from state.config.campaigns import Campaigns
from state.config.policy import Policy
from state.records.erasure import Erasure, decode_erasure
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.control import ControlRecord, read_control, replay_of
from streams.kafka.fenced_producer import PRODUCER_SETTINGS
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

OnRead = Callable[[int, int], None]
"""Is told how many records of the old journal are done with, and how many there are."""


@dataclasses.dataclass(frozen=True)
class ReplayResult:
    """What a replay did.

    Attributes:
        old: how many partitions the old journal has; `new` the new one.
        policy: the one that is in force at the end.
    """

    old: int
    new: int
    policy: str
    copied: CopyResult


async def replay(
    settings: Settings,
    into: str,
    partitions: int | None,
    policy: Policy | None,
    campaigns: Campaigns | None,
    on_read: OnRead,
) -> ReplayResult:
    """Writes the journal again under another prefix.

    Args:
        settings: of the old prefix.
        into: the new prefix.
        partitions: of the new journal; None for as many as it has, or as the settings say.
        policy: in place of all policies of the journal.
        campaigns: in place of all campaigns of the journal.
        on_read: is told how far it is.

    Raises:
        ReplayRefused: it cannot be done, or not exactly.
        TopicsError: the topics of the new prefix have the wrong shape, or may not be made.
        NoControlTopic: there are no topics under the old prefix.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    control = await read_control(settings)
    earlier = replay_of(control)
    if earlier is not None and not earlier.done:
        raise ReplayRefused(f"the replay of {earlier.of} into {settings.prefix} has not ended; end that one first")
    rules = ReplayRules(settings.prefix, control, policy, campaigns)
    old = await _read_old(settings)
    convert = await _conversion(old, rules, on_read)
    opening = ControlRecord("replay", of=settings.prefix, source=earlier.source if earlier else settings.prefix)
    new = dataclasses.replace(
        settings,
        prefix=into,
        partitions=partitions or settings.partitions,
        sources=(settings.prefix, *settings.sources),
    )
    target = await open_target(new, partitions, opening, rules)
    producer = AIOKafkaProducer(**settings.kafka_client(), **PRODUCER_SETTINGS)
    await producer.start()
    try:
        total = sum(old.ends.values())
        copied = await JournalCopy(old, target, convert, producer, lambda read: on_read(read, total)).run()
        await hand_over(BatchWriter(producer), old.sources, Topics(settings.prefix, settings.sources), new)
    finally:
        await producer.stop()
    await target.close()
    return ReplayResult(len(old.ends), target.partitions, rules.policy.ref, copied)


async def _read_old(settings: Settings) -> OldJournal:
    """How far there is something to replay.

    What is below the offsets of `admit` lies in the journal below its ends, which are asked for later.

    Raises:
        ReplayRefused: the journal has lost its beginning.
    """
    topics, kafka = Topics(settings.prefix), settings.kafka_client()
    sources = await read_sources(settings)
    count = (await partitions_by_topic(settings))[topics.journal]
    partitions = [TopicPartition(topics.journal, number) for number in range(count)]
    consumer = AIOKafkaConsumer(**kafka, enable_auto_commit=False, isolation_level="read_committed")
    await consumer.start()
    try:
        for tp, begin in (await consumer.beginning_offsets(partitions)).items():
            if begin:
                raise ReplayRefused(
                    f"{tp.topic}:{tp.partition} begins at {begin}: retention has cut it, and the rest would give other "
                    "customers; restore it from a backup"
                )
        ends = {tp.partition: end for tp, end in (await consumer.end_offsets(partitions)).items()}
    finally:
        await consumer.stop()
    ledgers: dict[int, dict[bytes, Erasure]] = {number: {} for number in range(count)}
    for number, ledger in ledgers.items():
        async for batch in read_range(kafka, topics.erasure_ledger, number):
            ledger.update((record.key, decode_erasure(record.value)) for record in batch if record.value is not None)
    return OldJournal(settings, ends, ledgers, sources)


async def _conversion(old: OldJournal, rules: ReplayRules, on_read: OnRead) -> Conversion:
    """What becomes of sums of money; for another base currency all of them are looked at before anything is written.

    Raises:
        ReplayRefused: some cannot be converted exactly.
    """
    if rules.policy.currency == rules.old_currency:
        return unchanged
    convert = IntoCurrency(rules.old_currency, rules.policy)
    topic, kafka, read = Topics(old.settings.prefix).journal, old.settings.kafka_client(), 0
    for number, end in old.ends.items():
        partition = OldPartition(number, read_range(kafka, topic, number, 0, end))
        async for piece in in_order([partition]):
            if not isinstance(piece, Barrier):
                for entry in piece:
                    convert.look(entry.event)
                on_read(read + partition.read, sum(old.ends.values()))
        read += partition.read
    if convert.refused:
        raise ReplayRefused(*(f"{fault} ({count:,} events)" for fault, count in sorted(convert.refused.items())))
    return convert
