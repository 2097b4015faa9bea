"""Prepare the new prefix of a replay, and hand it over to its workers at the end."""

from dataclasses import dataclass

import msgspec

from agents.replay.cutover import read_watermarks
from agents.replay.replay_rules import ReplayRefused, ReplayRules
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.control import CONTROL_SOURCE, ControlRecord, append_control, read_control, replay_of
from streams.kafka.needed_rights import check_rights, receiving_replay
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics, ready_topics
from streams.settings.settings import Settings


@dataclass(frozen=True)
class ReplayTarget:
    """The new prefix, ready to be written to.

    Attributes:
        settings: those of its workers.
        partitions: the number of partitions of its journal.
        start_record: the record in its `control` that keeps workers from starting.
        rules: its policies and campaigns, all of them in its `control`.
    """

    settings: Settings
    partitions: int
    start_record: ControlRecord
    rules: ReplayRules

    async def mark_done(self) -> None:
        """Let workers start.

        Raises:
            ReplayRefused: something else has written to `control` in the meantime.
        """
        written = [record for record in await read_control(self.settings) if record.kind != "replay"]
        if len(written) != len(self.rules.rules):
            raise ReplayRefused(
                f"control of {self.settings.prefix} was written to meanwhile: a worker was started too early; delete "
                f"the topics of {self.settings.prefix}, or take another prefix"
            )
        await append_control(self.settings, msgspec.structs.replace(self.start_record, done=True))


async def prepare_target(
    settings: Settings, partitions: int | None, start_record: ControlRecord, rules: ReplayRules
) -> ReplayTarget:
    """Create the topics, and write to `control` that a replay is running and which rules there are.

    An interrupted run of the same replay is continued.

    Args:
        settings: of the new prefix.
        partitions: the number of partitions of the journal; None for any.
        start_record: says which prefix is replayed.
        rules: the planned rules; their `new_offsets` are set here.

    Raises:
        ReplayRefused: the prefix is in use, or another replay was started there.
        TopicsError: its topics have unexpected partitions, or may not be created.
        FatalError: this user lacks a right.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    prefix, topics = settings.prefix, Topics(settings.prefix)
    existing = (await partitions_by_topic(settings)).get(topics.journal)
    if existing is not None and partitions not in (None, existing):
        raise ReplayRefused(f"topic {topics.journal} has {existing} partitions, not {partitions}; take another prefix")
    await check_rights(settings, receiving_replay(settings))
    count = await ready_topics(settings)
    control = await read_control(settings)
    if control:
        await _check_same_replay(settings, control, start_record, rules)
    else:
        for number in range(count):
            async for _ in read_range(settings.kafka_client(), topics.journal, number):
                raise ReplayRefused(f"topic {topics.journal} is not empty: {prefix} is in use; take another prefix")
    last = replay_of(control)
    if last is None or last.done:
        await append_control(settings, start_record)
    written = [record for record in control if record.kind != "replay"]
    rules.take_written(written)
    offsets = [record.offset for record in written]
    for rule in rules.rules[len(offsets) :]:
        offsets.append(await append_control(settings, ControlRecord(rule.kind, rule.text, rule.begins_at)))  # noqa: PERF401 - in order
    rules.new_offsets = offsets
    return ReplayTarget(settings, count, start_record, rules)


async def _check_same_replay(
    settings: Settings, control: list[ControlRecord], start_record: ControlRecord, rules: ReplayRules
) -> None:
    """Check that everything in `control` comes from an earlier run of the same replay.

    Raises:
        ReplayRefused: it does not, or workers have started since.
    """
    prefix, first = settings.prefix, control[0]
    if (first.kind, first.of, first.source) != (start_record.kind, start_record.of, start_record.source):
        raise ReplayRefused(f"{prefix} is in use, and not by a replay of {start_record.of}; take another prefix")
    if first.without != start_record.without:
        raise ReplayRefused(
            f"the replay into {prefix} was started with --without-import {', '.join(first.without) or 'of nothing'}; "
            "repeat it with the same options, or take another prefix"
        )
    if CONTROL_SOURCE in await read_watermarks(settings):
        raise ReplayRefused(f"workers have started under {prefix}, so nothing can be added; take another prefix")
    written = [(record.kind, record.text) for record in control if record.kind != "replay"]
    if written != [(rule.kind, rule.text) for rule in rules.rules[: len(written)]]:
        raise ReplayRefused(
            f"the replay into {prefix} was started with other policies or campaigns; repeat it with the same options, "
            "or take another prefix"
        )
