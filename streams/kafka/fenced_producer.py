"""A producer that no earlier one of the same name can interfere with.

A worker that was stopped in the midst of a request, or cut off, does not know that its partitions have gone to
another. What it still has on the way may reach the broker minutes later, after the new owner's writes, and to a
compacted topic that is the last word. The lease by heartbeats (`Running.ensure_ours`) cannot help: the request has
left. The broker can. Each producer of a name gets the next epoch; once it has written to a partition, the broker
refuses there whatever comes with an earlier epoch. So a lane takes its name, writes a fence to each partition that it
will recover from, and only then reads them.

aiokafka gives epochs to transactional producers only. There are no transactions here, each of which would cost a lane
several round trips a batch, so once the epoch is there the producer goes on as an idempotent one.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka.errors import TransactionalIdAuthorizationFailed

from streams.errors import FatalError

log = logging.getLogger(__name__)

LARGEST_REQUEST_BYTES: Final = 512 * 1024
REQUEST_TIMEOUT_MS: Final = 30_000
STOP_SECONDS: Final = 2.0
EPOCH_TIMEOUT_SECONDS: Final = 15.0
"""How long the first lane of a worker waits for its epoch; a broker that has just started needs a few seconds."""

NO_EPOCHS: Final = (
    "Kafka gave no producer epoch within %.0f s: what a replaced worker still sends will not be refused; set "
    "transaction.state.log.replication.factor and transaction.state.log.min.isr to what the brokers can hold"
)

PRODUCER_SETTINGS: Final[Mapping[str, Any]] = {
    "acks": "all",
    "enable_idempotence": True,
    "linger_ms": 0,
    "max_batch_size": LARGEST_REQUEST_BYTES,
    "request_timeout_ms": REQUEST_TIMEOUT_MS,
    "metadata_max_age_ms": 30_000,
}


class _Fences:
    """Whether this cluster gives epochs: None until a lane has asked."""

    given: bool | None = None


async def fenced_producer(kafka: Mapping[str, Any], name: str) -> AIOKafkaProducer:
    """A started producer with the next epoch of that name (a transactional id to the broker's access control).

    A cluster that hands out no epochs (its topic of transactions cannot be made) is worked with as well, which is said
    loudly: then only the lease keeps former owners off.

    Raises:
        Hopeless: the user has no right to the name.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    if _Fences.given is False:
        return await _plain_producer(kafka)
    producer = AIOKafkaProducer(**kafka, **PRODUCER_SETTINGS, transactional_id=name)
    # not by a timeout, which asks once: aiokafka's search for a coordinator may take that for a failed request
    starting = asyncio.ensure_future(producer.start())
    try:
        done, _ = await asyncio.wait({starting}, timeout=None if _Fences.given else EPOCH_TIMEOUT_SECONDS)
        if done:
            starting.result()
    except TransactionalIdAuthorizationFailed as error:
        await stop_producer(producer)
        message = f"Kafka does not let this user write as {name}: give them Write on the transactional id"
        raise FatalError(message) from error
    except BaseException:
        starting.cancel()
        await stop_producer(producer)
        raise
    if not done:
        starting.cancel()
        await stop_producer(producer)
        if _Fences.given is None:
            _Fences.given = False
            log.warning(NO_EPOCHS, EPOCH_TIMEOUT_SECONDS)
        return await _plain_producer(kafka)
    _Fences.given = True
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
    """Ends a producer, whose owner awaits nothing more of it; not longer than two seconds, if Kafka is away."""
    task = asyncio.ensure_future(producer.stop())
    done, _ = await asyncio.wait({task}, timeout=STOP_SECONDS)
    if not done:
        task.cancel()
    elif not task.cancelled() and (error := task.exception()) is not None:
        log.debug("a producer did not stop in order: %s", error)
