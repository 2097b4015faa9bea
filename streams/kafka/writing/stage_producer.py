"""The producer of a stage: one for all of its lanes, and each lane fences off the earlier owners of its partition.

A worker that was frozen in the middle of a request, or cut off, does not know that its partitions have a new owner. A
request that it has sent may reach the broker minutes later, after the new owner's writes, and in a compacted topic the
last write wins. The heartbeat lease (`StageContext.check_ownership`) cannot prevent that, since the request is already
on its way. The broker can: a producer that asks for the same name gets the same id with the next epoch, and once it has
written to a partition, the broker refuses writes of earlier epochs there. So a lane takes its name, writes a fence to
each partition that it will recover from, and only then reads them.

The id and the epoch are part of a batch, not of a request or a connection. So the lanes of a stage share one producer,
which sends the batches of all of them in one request for each broker, each batch with the id and epoch of its lane:
small requests are what a busy worker spends its time on (decision 0053).

aiokafka gives epochs to transactional producers only. Transactions are not used, since each would cost a lane several
round trips per batch, so the batches are those of an idempotent producer.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaTimeoutError, TransactionalIdAuthorizationFailed
from aiokafka.producer.message_accumulator import MessageAccumulator, MessageBatch
from aiokafka.producer.sender import Sender, SendProduceReqHandler
from aiokafka.producer.transaction_manager import TransactionManager

from streams.errors import FatalError
from streams.kafka.direct.direct_connection import DirectClient

log = logging.getLogger(__name__)

MAX_BATCH_BYTES: Final = 512 * 1024
REQUEST_TIMEOUT_MS: Final = 30_000
RETRY_BACKOFF_MS: Final = 100
_CANCEL_AGAIN_S: Final = 0.05
SMALL_REQUEST_BYTES: Final = 256 * 1024
"""Above that, a request does not keep the next one back."""
FIRST_EPOCH_SECONDS: Final = 15.0
"""How long the first lane of a worker waits for its epoch; a broker that has just started takes a few seconds."""
EPOCH_SECONDS: Final = 30.0
"""How long later lanes wait, which know that the cluster assigns epochs."""
_TRANSACTION_TIMEOUT_MS: Final = 60_000
"""Required by the request for an epoch; there are no transactions."""

NO_EPOCHS: Final = (
    "Kafka assigned no producer epoch within %.0f s, so it will not refuse late writes of a replaced worker; set "
    "transaction.state.log.replication.factor and transaction.state.log.min.isr to what the number of brokers allows"
)

PRODUCER_SETTINGS: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 0,
    "max_batch_size": MAX_BATCH_BYTES,
    "request_timeout_ms": REQUEST_TIMEOUT_MS,
    "metadata_max_age_ms": 30_000,
}


class ProducerEpoch(NamedTuple):
    """What the broker knows a producer by: its id, and how many of that name there were before."""

    producer_id: int
    epoch: int


class StageProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka has no types
    """An idempotent producer for the lanes of a stage.

    Batches to partitions with the number of a lane that has called `fence` have the id and epoch of that lane.
    """

    def __init__(self, **settings: Any) -> None:
        """Take aiokafka's settings; those of `PRODUCER_SETTINGS` are set."""
        super().__init__(**settings, **PRODUCER_SETTINGS)
        DirectClient.take_over(self.client)
        self._epochs: dict[int, ProducerEpoch] = {}
        ttl_s, no_compression = REQUEST_TIMEOUT_MS / 1000, 0
        self._message_accumulator = _LaneAccumulator(
            self._metadata, MAX_BATCH_BYTES, no_compression, ttl_s, txn_manager=self._txn_manager, loop=self._loop
        )
        self._message_accumulator.epochs = self._epochs
        self._sender = _LaneSender(
            self.client,
            acks=-1,
            txn_manager=self._txn_manager,
            retry_backoff_ms=RETRY_BACKOFF_MS,
            message_accumulator=self._message_accumulator,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )

    async def fence(self, name: str, partition: int) -> None:
        """Take the next epoch of `name`, a transactional id for access control, for partitions of this number.

        Nothing may be under way to them. A cluster that assigns no epochs, because its transaction topic cannot be
        created, is used with a warning: then only the heartbeat lease keeps former owners out.

        Raises:
            FatalError: the user has no permission for the name.
            aiokafka.errors.KafkaError: the cluster cannot be reached.
        """
        epoch = await next_epoch(self.client, name)
        sequences = self._txn_manager._sequence_numbers  # noqa: SLF001 - those of another epoch
        for tp in [each for each in sequences if each.partition == partition]:
            del sequences[tp]
        if epoch is not None:
            self._epochs[partition] = epoch

    def enqueue(self, batch: Any, topic: str, partition: int) -> "asyncio.Future[Any] | None":
        """Queue a batch as `send_batch` does, without waiting; return its delivery.

        None if only `send_batch` can: it waits for the metadata of the topic, or raises.
        """
        accumulator, tp = self._message_accumulator, TopicPartition(topic, partition)
        if accumulator._closed or accumulator._exception is not None:  # noqa: SLF001
            return None
        if self._metadata.leader_for_partition(tp) is None:
            return None
        return asyncio.shield(accumulator._append_batch(batch, tp).future)  # noqa: SLF001

    def discard(self, partition: int) -> None:
        """Drop what waits to be sent to partitions of this number: their lane has closed.

        The epoch stays, so that the broker can refuse what is already on its way.
        """
        batches = self._message_accumulator._batches  # noqa: SLF001 - aiokafka has no way to take a batch back
        for tp in [each for each in batches if each.partition == partition]:
            for batch in batches.pop(tp):
                batch.future.cancel()

    async def abandon(self) -> None:
        """Close without sending what waits or would be repeated; `stop` waits for it as long as Kafka is away."""
        self._closed = True
        task = self._sender.sender_task
        if task is not None:
            task.cancel()  # it sends nothing new, but goes on waiting for what it has sent
        await self.client.close()
        while task is not None and not task.done():
            task.cancel()  # also the request that waits for a connection
            await asyncio.wait({task}, timeout=_CANCEL_AGAIN_S)


class _LaneSender(Sender):  # type: ignore[misc]
    """Sends one small request after the other, and large ones at the same time.

    What lanes add while a small request is under way shares the next one. A large one is what a single lane has folded
    in a tenth of a second: the others must not wait for it.
    """

    async def _send_produce_req(self, node_id: int, batches: Mapping[TopicPartition, MessageBatch]) -> None:
        if sum(batch._builder.size() for batch in batches.values()) > SMALL_REQUEST_BYTES:  # noqa: SLF001 - no public way
            self._in_flight.discard(node_id)
        await SendProduceReqHandler(self, batches).do(node_id)
        self._in_flight.discard(node_id)
        self._muted_partitions.difference_update(batches)


class _LaneAccumulator(MessageAccumulator):  # type: ignore[misc]
    """The batches that wait to be sent; those of a lane get its id and epoch."""

    epochs: Mapping[int, ProducerEpoch]

    def _append_batch(self, builder: Any, tp: Any) -> "_LaneBatch":
        batch = _LaneBatch(tp, builder, self._batch_ttl, self._linger_time)
        batch.epochs = self.epochs
        self._batches[tp].append(batch)
        if not self._waiter_future.done():
            self._waiter_future.set_result(None)
        return batch


class _LaneBatch(MessageBatch):  # type: ignore[misc]
    epochs: Mapping[int, ProducerEpoch]

    def set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        """Write id, epoch and sequence number into the batch, just before it is sent for the first time."""
        own = self.epochs.get(self.tp.partition)
        if own is not None:
            producer_id, producer_epoch = own
        super().set_producer_state(producer_id, producer_epoch, base_sequence)


class _Epochs:
    """Whether the cluster assigns epochs; None until a lane has asked for one."""

    available: bool | None = None


async def next_epoch(client: Any, name: str) -> ProducerEpoch | None:
    """Return the next epoch of a name; None if the cluster assigns none."""
    if _Epochs.available is False:
        return None
    transactions = TransactionManager(name, _TRANSACTION_TIMEOUT_MS)
    asking = Sender(
        client,
        acks=-1,
        txn_manager=transactions,
        message_accumulator=None,
        retry_backoff_ms=RETRY_BACKOFF_MS,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
    )
    # not `wait_for`, which cancels only once: aiokafka's search for a coordinator may take that for a failed request
    answer = asyncio.ensure_future(asking._maybe_wait_for_pid())  # noqa: SLF001 - aiokafka has no public way, and is pinned
    seconds = EPOCH_SECONDS if _Epochs.available else FIRST_EPOCH_SECONDS
    try:
        done, _ = await asyncio.wait({answer}, timeout=seconds)
        if done:
            answer.result()
    except TransactionalIdAuthorizationFailed as error:
        message = f"Kafka does not let this user write as {name}; grant Write on that transactional id"
        raise FatalError(message) from error
    finally:
        answer.cancel()
    if done:
        _Epochs.available = True
        return ProducerEpoch(transactions.producer_id, transactions.producer_epoch)
    if _Epochs.available:
        raise KafkaTimeoutError(f"no epoch of {name} within {seconds:.0f} s")
    if _Epochs.available is None:
        _Epochs.available = False
        log.warning(NO_EPOCHS, seconds)
    return None
