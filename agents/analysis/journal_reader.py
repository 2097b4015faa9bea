"""Read the journal and the erasure ledger of a prefix from outside: without a consumer group, and without writing."""

from aiokafka import AIOKafkaConsumer, TopicPartition

from state.config.active_rules import ActiveRules
from state.records.erasure import Erasure, decode_erasure
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings


class EmptyJournal(Exception):
    """Nothing was ever journaled under this prefix."""

    def __init__(self, prefix: str) -> None:
        super().__init__(
            f"no policy is active under the prefix {prefix}, so its journal has no events; correct "
            "GOLDSTREAM_PREFIX, or start a worker first"
        )


async def journal_ends(settings: Settings, rules: ActiveRules) -> dict[int, int]:
    """Return the current end offset of each journal partition.

    Raises:
        EmptyJournal: there is no journal, or `rules`, the active ones, have no policy.
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
    """Return the erasure ledger of a partition, by the hash of the customer's id.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    ledger: dict[bytes, Erasure] = {}
    topic = Topics(settings.prefix).erasure_ledger
    async for batch in read_range(settings.kafka_client(), topic, partition):
        ledger.update((record.key, decode_erasure(record.value)) for record in batch if record.value is not None)
    return ledger
