"""The whole journal of a prefix as it is read by who only looks: without a group, and without a trace."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from state.config.active_rules import ActiveRules
from state.records.erasure import Erasure, decode_erasure
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings


class EmptyJournal(Exception):
    """Under this prefix nothing was ever kept."""

    def __init__(self, prefix: str) -> None:
        """Say what to do."""
        super().__init__(
            f"no policy is in force under the prefix {prefix}, so its journal has no events; correct "
            "GOLDSTREAM_PREFIX, or start a worker first"
        )


async def journal_ends(settings: Settings, rules: ActiveRules) -> dict[int, int]:
    """The end offset of each partition of the journal now.

    Raises:
        NothingJournaled: there is no journal, or `rules`, what is in force, has no policy.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topic = Topics(settings.prefix).journal
    count = (await partitions_by_topic(settings)).get(topic, 0)
    if not count or rules.policy is None:
        raise EmptyJournal(settings.prefix)
    partitions = [TopicPartition(topic, number) for number in range(count)]
    consumer = AIOKafkaConsumer(**settings.kafka_client(), enable_auto_commit=False)
    await consumer.start()
    try:
        return {tp.partition: end for tp, end in (await consumer.end_offsets(partitions)).items()}
    finally:
        await consumer.stop()


async def read_ledger(settings: Settings, partition: int) -> dict[bytes, Erasure]:
    """Who of a partition's customers is forgotten up to where.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    ledger: dict[bytes, Erasure] = {}
    topic = Topics(settings.prefix).erasure_ledger
    async for batch in read_range(settings.kafka_client(), topic, partition):
        ledger.update((record.key, decode_erasure(record.value)) for record in batch if record.value is not None)
    return ledger
