"""Run `goldstream replay --into`: copy the journal to another prefix, without erased customers.

    1. `control` of the new prefix: a record that a replay is running, then all policies and campaigns
    2. the erasure ledger, so that customers who return continue their `seq`; then the journal, group by group; then the
       order ledger
    3. the positions from which `admit` of the new prefix continues with the old source topics
    4. `control`: a record that the replay is done

No worker of the new prefix starts before 4. After an interruption, the same command continues where it stopped.
Repeated after 4, while no worker has started, it adds what the old journal has received since.
"""

import dataclasses
from collections.abc import Callable, Collection
from typing import TypeAlias

from aiokafka import TopicPartition

from agents.replay.currency_conversion import CurrencyConversion, EventConversion, keep_sums
from agents.replay.cutover import hand_over_sources, read_source_positions
from agents.replay.import_filter import check_imports
from agents.replay.journal_copy import CopyResult, JournalCopy, OldJournal
from agents.replay.merge_order import Barrier, merge_partitions
from agents.replay.order_ledger_copy import copy_order_ledger
from agents.replay.replay_rules import ReplayRefused, ReplayRules
from agents.replay.target import prepare_target
from state.config.campaigns import Campaigns
from state.config.policy import Policy
from state.units.counts import counted
from streams.clock import SYSTEM_CLOCK
from streams.kafka.broker import KafkaBroker
from streams.kafka.cluster import open_consumer, partitions_by_topic
from streams.kafka.control import ControlRecord, read_control, replay_of
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.kafka.writing.batch_writer import BatchWriter
from streams.kafka.writing.stage_producer import StageProducer
from streams.settings.settings import Settings
from streams.tables.erasure_ledger import read_ledger

ReportProgress: TypeAlias = Callable[[int, int], None]
"""Called with the number of records of the old journal that are read, and the number of all."""


@dataclasses.dataclass(frozen=True)
class ReplayResult:
    """What a replay did.

    Attributes:
        old_partitions: the number of partitions of the old journal.
        new_partitions: the number of partitions of the new journal.
        policy_ref: the policy that is active at the end, `name@version`.
        copied: the counts of this run.
    """

    old_partitions: int
    new_partitions: int
    policy_ref: str
    copied: CopyResult


@dataclasses.dataclass(frozen=True)
class ReplayRequest:
    """What a replay is asked for.

    Attributes:
        into: the new prefix.
        partitions: of the new journal; None for as many as it has already, or as the settings say.
        policy: replaces all policies of the journal; None for those.
        campaigns: replaces all campaigns of the journal; None for those.
        without: the ids of the imports whose events are left out.
    """

    into: str
    partitions: int | None = None
    policy: Policy | None = None
    campaigns: Campaigns | None = None
    without: Collection[str] = ()


async def replay(settings: Settings, request: ReplayRequest, on_read: ReportProgress) -> ReplayResult:
    """Copy the journal to another prefix.

    Args:
        settings: of the old prefix.
        request: what is asked for.
        on_read: called as the old journal is read.

    Raises:
        ReplayRefused: the replay is impossible, or would not be exact.
        TopicsError: the topics of the new prefix have unexpected partitions, or may not be created.
        FatalError: this user lacks a right under the new prefix.
        NoControlTopic: there are no topics under the old prefix.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    control = await read_control(settings)
    earlier = replay_of(control)
    if earlier is not None and not earlier.done:
        raise ReplayRefused(f"the replay of {earlier.of} into {settings.prefix} has not ended; finish that one first")
    now_ms = SYSTEM_CLOCK.wall_ms() if settings.time == "wall" else None
    rules = ReplayRules(settings.prefix, control, request.policy, request.campaigns, now_ms)
    old = await _read_old_journal(settings)
    convert = await _find_conversion(old, rules, on_read)
    if request.without:
        total = sum(old.ends.values())
        await check_imports(request.without, settings.prefix, old.partitions(), lambda read: on_read(read, total))
    start_record = ControlRecord(
        "replay",
        of=settings.prefix,
        source=earlier.source if earlier else settings.prefix,
        without=tuple(sorted(set(request.without))),
    )
    new = dataclasses.replace(
        settings,
        prefix=request.into,
        partitions=request.partitions or settings.partitions,
        sources=(settings.prefix, *settings.sources),
    )
    target = await prepare_target(new, request.partitions, start_record, rules)
    producer = StageProducer(**settings.kafka_client())
    await producer.start()
    try:
        total = sum(old.ends.values())
        copied = await JournalCopy(old, target, convert, producer, lambda read: on_read(read, total)).run()
        writer, old_topics = BatchWriter(producer), Topics(settings.prefix, settings.sources)
        if old_topics.order_ledger in await partitions_by_topic(settings):  # otherwise no worker since 0061 was there
            without, ledger_topics = frozenset(request.without), (old_topics, Topics(new.prefix))
            broker = KafkaBroker(settings)
            await copy_order_ledger(broker, writer, ledger_topics, target.partitions, old.ledgers, without)
        await hand_over_sources(writer, old.sources, old_topics, new)
    finally:
        await producer.stop()
    await target.mark_done()
    return ReplayResult(len(old.ends), target.partitions, rules.policy.ref, copied)


async def _read_old_journal(settings: Settings) -> OldJournal:
    """Return how far the old journal goes, and its erasure ledgers.

    The positions of `admit` are read before the ends of the journal, so everything below them is below those ends.

    Raises:
        ReplayRefused: retention has deleted the start of the journal.
    """
    topics, kafka = Topics(settings.prefix), settings.kafka_client()
    sources = await read_source_positions(settings)
    count = (await partitions_by_topic(settings))[topics.journal]
    partitions = [TopicPartition(topics.journal, number) for number in range(count)]
    async with open_consumer(kafka, isolation_level="read_committed") as consumer:
        for tp, start in (await consumer.beginning_offsets(partitions)).items():
            if start:
                raise ReplayRefused(
                    f"{tp.topic}:{tp.partition} begins at {start}: retention has deleted what was before, and the rest "
                    "would give other results; restore it from a backup"
                )
        ends = {tp.partition: end for tp, end in (await consumer.end_offsets(partitions)).items()}
    ledgers = {number: await read_ledger(read_range(kafka, topics.erasure_ledger, number)) for number in range(count)}
    return OldJournal(settings, ends, ledgers, sources)


async def _find_conversion(old: OldJournal, rules: ReplayRules, on_read: ReportProgress) -> EventConversion:
    """Return how to convert sums; for another base currency, check the whole journal before anything is written.

    Raises:
        ReplayRefused: some sums cannot be converted exactly.
    """
    if rules.policy.currency == rules.old_currency:
        return keep_sums
    convert = CurrencyConversion(rules.old_currency, rules.policy)
    read_before = 0
    for partition in old.partitions():
        async for merged in merge_partitions([partition]):
            if not isinstance(merged, Barrier):
                for entry in merged:
                    convert.check(entry.event)
                on_read(read_before + partition.read_count, sum(old.ends.values()))
        read_before += partition.read_count
    if convert.errors:
        raise ReplayRefused(
            *(f"{error} ({counted(count, 'event')})" for error, count in sorted(convert.errors.items()))
        )
    return convert
