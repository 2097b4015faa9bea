"""The erasure ledger of a partition, as records of `erasure-ledger`."""

from collections.abc import AsyncIterable, Sequence

from aiokafka import ConsumerRecord

from state.records.erasure import Erasure, decode_erasure


async def read_ledger(batches: AsyncIterable[Sequence[ConsumerRecord]]) -> dict[bytes, Erasure]:
    """Return the last erasure of each customer, by the hash of their id.

    Args:
        batches: all records of a partition of `erasure-ledger`; one without a value is a fence, not an erasure.

    Raises:
        UnknownFormatVersion: a version of goldstream wrote it that this one cannot read.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    ledger: dict[bytes, Erasure] = {}
    async for batch in batches:
        ledger.update((record.key, decode_erasure(record.value)) for record in batch if record.value is not None)
    return ledger
