"""Read the customers of all partitions from their changelogs, as the last flush of each lane left them."""

from collections.abc import AsyncGenerator
from typing import NamedTuple

from agents.segment.recovery import fatal_where_permanent, remove_erased
from state.records.progress import NO_WATERMARK
from streams.kafka.cluster import partitions_by_topic
from streams.kafka.reader import read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.customers_table import CustomersTable
from streams.tables.erasure_ledger import read_ledger
from streams.tables.progress import read_progress


class PartitionCustomers(NamedTuple):
    """The customers of one partition.

    Attributes:
        number: of the partition.
        partitions: how many there are.
        watermark_ms: its time; None before its first tick.
        tables: the same customers, once for each copy; they share the bytes of the profiles.
    """

    number: int
    partitions: int
    watermark_ms: int | None
    tables: tuple[CustomersTable, ...]


async def read_customer_tables(settings: Settings, copies: int = 1) -> AsyncGenerator[PartitionCustomers]:
    """Yield the customers of each partition that a lane has written.

    Args:
        settings: of the prefix.
        copies: how many tables of each partition are needed, to change them differently.

    Raises:
        FatalError: another version wrote a record, or something is missing.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    topics, kafka = Topics(settings.prefix), settings.kafka_client()
    count = (await partitions_by_topic(settings)).get(topics.customers, 0)
    for number in range(count):
        written = await read_progress(read_range(kafka, topics.progress, number))
        if written.progress is None:
            continue
        watermark_ms = None if written.progress.watermark == NO_WATERMARK else written.progress.watermark
        ledger = await read_ledger(read_range(kafka, topics.erasure_ledger, number))
        tables = tuple(CustomersTable() for _ in range(copies))
        with fatal_where_permanent(f"{topics.customers}:{number}"):
            async for batch in read_range(kafka, topics.customers, number):
                for record in batch:
                    for table in tables:
                        table.restore(record.key, record.value)
            for table in tables:
                table.finish_restore()
                remove_erased(table, ledger)
        yield PartitionCustomers(number, count, watermark_ms, tables)
