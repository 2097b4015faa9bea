"""Segments on faust-streaming, written as its documentation recommends: agents, a Record, a Table.

    faust -A bench.peers.faust_segments -L uvloop worker -l error --without-web

BENCH_JOB selects the job: `segment` processes the source topic, `whole` first checks it and repartitions it by customer
through another topic. See clock.py for the other variables.
"""

import gc
import os
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import faust
from faust.types import TP

from bench.peers.clock import APP, KAFKA, PARTITIONS, SOURCE, Clock
from bench.peers.customer import fold
from bench.peers.purchase import check

WHOLE = os.environ.get("BENCH_JOB") == "whole"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

gc.set_threshold(100_000, 50, 100)  # as in Goldstream; with CPython's defaults, collection takes a third of the time

app = faust.App(
    APP,
    broker=f"kafka://{KAFKA}",
    store="memory://",
    datadir=os.environ.get("BENCH_DATA"),
    topic_partitions=PARTITIONS,
    topic_replication_factor=1,
    topic_disable_leader=True,
    consumer_auto_offset_reset="earliest",
    consumer_max_fetch_size=4 << 20,
    broker_max_poll_records=5000,
    producer_linger=0.02,
    producer_max_batch_size=1 << 20,
    stream_wait_empty=False,
    web_enabled=False,
)


class Purchase(faust.Record, serializer="json", coerce=True, date_parser=datetime.fromisoformat):
    """The fields of a purchase that are used.

    Faust's own date parser reads the milliseconds of `04.800` as 800 microseconds, and is slower.
    """

    event_id: str
    customer_id: str
    order_id: str
    occurred_at: datetime
    amount: Decimal
    currency: str


class Customer(faust.Record, serializer="json"):
    """The state of a customer."""

    times: list[int]
    amounts: list[int]
    seq: int = 0
    segment: str = ""
    cell: str = ""
    as_of: int = 0
    last: int = 0
    lifetime: int = 0
    monetary: int = 0


source = app.topic(SOURCE, key_type=bytes, value_type=bytes, value_serializer="raw")
admitted = app.topic(f"{APP}-admitted", key_type=str, value_type=Purchase, partitions=PARTITIONS)
rejected = app.topic(f"{APP}-rejected", value_serializer="raw", partitions=PARTITIONS)
changes = app.topic(f"{APP}-changes", key_type=str, value_serializer="json", partitions=PARTITIONS)
purchases = admitted if WHOLE else app.topic(SOURCE, key_type=str, value_type=Purchase)
customers = app.Table("customers", key_type=str, value_type=Customer, partitions=PARTITIONS)

clock = Clock()
taking = True
refused = processed = 0


def take(stream: faust.StreamT[Any]) -> bool:
    """Count the stream's current record; return False if the time is up."""
    event = stream.current_event
    assert event is not None
    return clock.take(event.message.partition, event.message.offset)


async def finish() -> None:
    """End the run once everything is acknowledged and committed."""
    await app.producer.flush()
    await app.consumer.commit()
    clock.stop()
    os._exit(0)  # an orderly exit takes seconds and measures nothing


async def finish_if_done() -> None:
    """End the run once no more is accepted and all accepted purchases are processed."""
    if (clock.all_taken or not taking) and processed + refused == clock.taken:
        await finish()


async def admit(stream: faust.StreamT[bytes]) -> None:
    """Check records, and pass them on by customer."""
    global taking, refused  # noqa: PLW0603 - one program, one run
    async for value in stream:
        if not take(stream):
            if taking:  # accepted purchases are still processed; further fetched ones are skipped
                taking = False
                app.consumer.pause_partitions({TP(SOURCE, partition) for partition in range(PARTITIONS)})
            await finish_if_done()
            continue
        try:
            purchase = Purchase.loads(value)
            check(purchase)
        except Exception:  # noqa: BLE001 - anything unreadable is refused
            refused += 1
            await rejected.send(value=value)
            await finish_if_done()
            continue
        await admitted.send(key=purchase.customer_id, value=value, value_serializer="raw")


if WHOLE:
    app.agent(source)(admit)


@app.agent(purchases)
async def segment(stream: faust.StreamT[Purchase]) -> None:
    """Apply each purchase to its customer, and publish the changes."""
    global processed  # noqa: PLW0603 - one program, one run
    async for purchase in stream:
        if not WHOLE and not take(stream):
            await finish()
        customer = customers.get(purchase.customer_id) or Customer(times=[], amounts=[])
        at = (purchase.occurred_at - EPOCH) // MILLISECOND
        for change in fold(purchase.customer_id, customer, at, int(purchase.amount * 100), purchase.event_id):
            await changes.send(key=purchase.customer_id, value=change)
        customers[purchase.customer_id] = customer
        processed += 1
        await finish_if_done()
