"""A producer that fences off every earlier producer of the same name.

A worker that was frozen in the middle of a request, or cut off, does not know that its partitions have a new owner. A
request that it has sent may reach the broker minutes later, after the new owner's writes, and in a compacted topic the
last write wins. The heartbeat lease (`StageContext.check_ownership`) cannot prevent that, since the request is already
on its way. The broker can: each producer of a name gets the next epoch, and once it has written to a partition, the
broker refuses writes of earlier epochs there. So a lane takes its name, writes a fence to each partition that it will
recover from, and only then reads them.

aiokafka gives epochs to transactional producers only. Transactions are not used, since each would cost a lane several
round trips per batch, so a producer that has its epoch continues as an idempotent one.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import TransactionalIdAuthorizationFailed

from streams.errors import FatalError

log = logging.getLogger(__name__)

MAX_BATCH_BYTES: Final = 512 * 1024
REQUEST_TIMEOUT_MS: Final = 30_000
STOP_SECONDS: Final = 2.0
EPOCH_TIMEOUT_SECONDS: Final = 15.0
"""How long the first lane of a worker waits for its epoch; a broker that has just started takes a few seconds."""

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


class _Epochs:
    """Whether the cluster assigns epochs; None until a lane has asked for one."""

    available: bool | None = None


async def fenced_producer(kafka: Mapping[str, Any], name: str) -> AIOKafkaProducer:
    """Return a started producer with the next epoch of that name, which is a transactional id for access control.

    A cluster that assigns no epochs, because its transaction topic cannot be created, is used with a warning: then only
    the heartbeat lease keeps former owners out.

    Raises:
        FatalError: the user has no permission for the name.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    if _Epochs.available is False:
        return await _plain_producer(kafka)
    producer = AIOKafkaProducer(**kafka, **PRODUCER_SETTINGS, transactional_id=name)
    # not `wait_for`, which cancels only once: aiokafka's search for a coordinator may take that for a failed request
    starting = asyncio.ensure_future(producer.start())
    try:
        done, _ = await asyncio.wait({starting}, timeout=None if _Epochs.available else EPOCH_TIMEOUT_SECONDS)
        if done:
            starting.result()
    except TransactionalIdAuthorizationFailed as error:
        await stop_producer(producer)
        message = f"Kafka does not let this user write as {name}; grant Write on that transactional id"
        raise FatalError(message) from error
    except BaseException:
        starting.cancel()
        await stop_producer(producer)
        raise
    if not done:
        starting.cancel()
        await stop_producer(producer)
        if _Epochs.available is None:
            _Epochs.available = False
            log.warning(NO_EPOCHS, EPOCH_TIMEOUT_SECONDS)
        return await _plain_producer(kafka)
    _Epochs.available = True
    producer._txn_manager.transactional_id = None  # noqa: SLF001 - see above; aiokafka has no public way, and is pinned
    return producer


async def _plain_producer(kafka: Mapping[str, Any]) -> AIOKafkaProducer:
    producer = AIOKafkaProducer(**kafka, **PRODUCER_SETTINGS)
    try:
        await producer.start()
    except BaseException:
        await stop_producer(producer)
        raise
    return producer


async def stop_producer(producer: AIOKafkaProducer) -> None:
    """Stop a producer that nothing waits for any more; give up after two seconds if Kafka is away."""
    task = asyncio.ensure_future(producer.stop())
    done, _ = await asyncio.wait({task}, timeout=STOP_SECONDS)
    if not done:
        task.cancel()
    elif not task.cancelled() and (error := task.exception()) is not None:
        log.debug("a producer did not stop cleanly: %s", error)
