"""The new prefix of a replay: that nobody uses it, what its `control` says, and when it is theirs to use."""

from dataclasses import dataclass

import msgspec

from agents.replay.cutover import CONTROL, read_reports
from agents.replay.replay_rules import ReplayRefused, ReplayRules
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.control import ControlRecord, append_control, read_control, replay_of
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics, ready_topics
from streams.settings.settings import Settings


@dataclass(frozen=True)
class Target:
    """The new prefix, ready to be written to.

    Attributes:
        settings: as its workers will have them.
        partitions: how many its journal has.
    """

    settings: Settings
    partitions: int
    opening: ControlRecord
    rules: ReplayRules

    async def close(self) -> None:
        """Lets workers begin.

        Raises:
            ReplayRefused: something else has written to `control` meanwhile.
        """
        written = [record for record in await read_control(self.settings) if record.kind != "replay"]
        if len(written) != len(self.rules.rules):
            raise ReplayRefused(
                f"control of {self.settings.prefix} was written to meanwhile: a worker was started too early; delete "
                f"the topics of {self.settings.prefix}, or take another prefix"
            )
        await append_control(self.settings, msgspec.structs.replace(self.opening, done=True))


async def open_target(settings: Settings, asked: int | None, opening: ControlRecord, rules: ReplayRules) -> Target:
    """Makes the topics, and writes into `control` that a replay is under way and which rules there are.

    Args:
        settings: of the new prefix.
        asked: how many partitions the journal is to have; None for whatever it has.
        opening: says what is replayed.
        rules: get the places that they have in `control`.

    Raises:
        ReplayRefused: the prefix is in use, or another replay was begun there.
        TopicsError: its topics have the wrong shape, or may not be made.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    prefix, topics = settings.prefix, Topics(settings.prefix)
    counts = await partitions_by_topic(settings)
    has = counts.get(topics.journal)
    if has is not None and asked not in (None, has):
        raise ReplayRefused(f"topic {topics.journal} has {has} partitions, not {asked}; take another prefix")
    partitions = await ready_topics(settings)
    there = await read_control(settings)
    if not there:
        for number in range(partitions):
            async for _ in read_range(settings.kafka_client(), topics.journal, number):
                raise ReplayRefused(f"topic {topics.journal} is not empty: {prefix} is in use; take another prefix")
    else:
        await _check_same(settings, there, opening, rules)
    last = replay_of(there)
    if last is None or last.done:
        await append_control(settings, opening)
    places = [record.offset for record in there if record.kind != "replay"]
    for rule in rules.rules[len(places) :]:
        places.append(await append_control(settings, ControlRecord(rule.kind, rule.text)))  # noqa: PERF401 - in turn
    rules.places = places
    return Target(settings, partitions, opening, rules)


async def _check_same(
    settings: Settings, there: list[ControlRecord], opening: ControlRecord, rules: ReplayRules
) -> None:
    """Makes sure that what is there comes from an earlier run of the same replay.

    Raises:
        ReplayRefused: it does not.
    """
    prefix, first = settings.prefix, there[0]
    if (first.kind, first.of, first.source) != (opening.kind, opening.of, opening.source):
        raise ReplayRefused(f"{prefix} is in use, and not by a replay of {opening.of}; take another prefix")
    if CONTROL in await read_reports(settings):
        raise ReplayRefused(f"workers have begun under {prefix}: nothing can be brought there; take another prefix")
    written = [(record.kind, record.text) for record in there if record.kind != "replay"]
    if written != [(rule.kind, rule.text) for rule in rules.rules[: len(written)]]:
        raise ReplayRefused(
            f"the replay into {prefix} was begun with other policies or campaigns; repeat it with the same options, or "
            "take another prefix"
        )
