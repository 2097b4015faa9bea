"""Read campaign outcomes from Kafka: every partition up to its end, each outcome once."""

import msgspec

from agents.reporting.outcome_sums import OutcomeSums
from state.records.outputs import Outcome
from streams.kafka.cluster import end_offsets, partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings


class NoOutcomes(Exception):
    """There is no outcome to report; the message says why and what to do."""


class NoOutcomesTopic(NoOutcomes):
    """The topic does not exist."""


async def outcome_ends(settings: Settings) -> dict[int, int]:
    """Return the end offset of each partition of the outcomes; without the topic, nothing.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    return await end_offsets(settings, Topics(settings.prefix).outcomes)


async def read_outcomes(settings: Settings, first_day: str | None, last_day: str | None) -> OutcomeSums:
    """Sum the outcomes of campaign entries from `first_day` to `last_day`, both inclusive, in UTC.

    Raises:
        NoOutcomes: the topic does not exist, is empty, or has no outcome of these days.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topic = Topics(settings.prefix).outcomes
    partitions = (await partitions_by_topic(settings)).get(topic, 0)
    if not partitions:
        raise NoOutcomesTopic(
            f"topic {topic} does not exist; start a worker, which creates it, or correct GOLDSTREAM_PREFIX"
        )
    sums = OutcomeSums()
    skipped_days: list[str] = []  # the earliest and the latest
    decode = msgspec.json.Decoder(Outcome).decode
    for partition in range(partitions):
        async for batch in read_range(settings.kafka_client(), topic, partition):
            for record in batch:
                outcome = decode(record.value)
                day = outcome.from_at[:10]
                if (first_day is None or first_day <= day) and (last_day is None or day <= last_day):
                    sums.add(dict(record.headers)["ce_id"], outcome)
                else:
                    skipped_days = [min([day, *skipped_days[:1]]), max([day, *skipped_days[1:]])]
        sums.end_partition()
    if sums.currency is None:
        raise NoOutcomes(_no_outcomes_text(topic, first_day, last_day, skipped_days))
    return sums


def _no_outcomes_text(topic: str, first_day: str | None, last_day: str | None, skipped_days: list[str]) -> str:
    if skipped_days:
        asked = " ".join(part for part in (first_day and f"from {first_day}", last_day and f"to {last_day}") if part)
        return (
            f"{topic} has no outcome of a campaign entry {asked}; it has outcomes from {skipped_days[0]} to "
            f"{skipped_days[1]}; choose other days"
        )
    return (
        f"{topic} has no outcomes yet: an outcome is published `attribution_days` (default 14) after a customer "
        "entered a campaign; wait until then, or check which campaigns are active"
    )
