"""Outcomes taken from Kafka: every partition up to its end, each outcome once."""

import msgspec

from agents.reporting.sums import OutcomeSums
from state.records.outputs import Outcome
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings


class NoOutcomes(Exception):
    """There is no outcome to report; says why and what to do."""


async def read_outcomes(settings: Settings, begin: str | None, end: str | None) -> OutcomeSums:
    """Sum the outcomes of what began from the day `begin` to the day `end`, both included, in UTC.

    Raises:
        NothingTold: there is no such topic, or no outcome in it, or none of these days.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topic = Topics(settings.prefix).outcomes
    partitions = (await partitions_by_topic(settings)).get(topic, 0)
    if not partitions:
        raise NoOutcomes(f"there is no topic {topic}; start a worker, which makes it, or correct GOLDSTREAM_PREFIX")
    summed = OutcomeSums()
    others: list[str] = []
    decode = msgspec.json.Decoder(Outcome).decode
    for partition in range(partitions):
        async for batch in read_range(settings.kafka_client(), topic, partition):
            for record in batch:
                outcome = decode(record.value)
                day = outcome.from_at[:10]
                if (begin is None or begin <= day) and (end is None or day <= end):
                    summed.take(dict(record.headers)["ce_id"], outcome)
                else:
                    others = [min([day, *others[:1]]), max([day, *others[1:]])]
        summed.end_partition()
    if summed.currency is None:
        raise NoOutcomes(_nothing(topic, begin, end, others))
    return summed


def _nothing(topic: str, begin: str | None, end: str | None, others: list[str]) -> str:
    if others:
        asked = " ".join(part for part in (begin and f"from {begin}", end and f"to {end}") if part)
        return (
            f"{topic} has no outcome of a campaign that began {asked}, but of {others[0]} to {others[1]}; "
            "choose other days"
        )
    return (
        f"no outcomes in {topic} yet: one is told `attribution_days` (14 if not set) after a campaign began for a "
        "customer; wait until then, or look at the campaigns in force"
    )
