"""Segments on Quix Streams 3: a stateful StreamingDataFrame, with its state in RocksDB and a changelog topic.

    python -m bench.peers.quix_segments

BENCH_JOB selects the job: `segment` processes the source topic, `whole` first checks it and repartitions it by customer
through another topic. See clock.py for the other variables.
"""

import gc
import os
from typing import Any

from quixstreams import Application, State
from quixstreams.models import TopicConfig

from bench.peers.clock import APP, KAFKA, PARTITIONS, SOURCE, Clock
from bench.peers.customer import fold
from bench.peers.purchase import Customer, Purchase, decode, decode_checked

WHOLE = os.environ.get("BENCH_JOB") == "whole"
TOPIC_CONFIG = TopicConfig(num_partitions=PARTITIONS, replication_factor=1)

gc.set_threshold(100_000, 50, 100)  # as in Goldstream; with CPython's defaults, collection takes a third of the time

app = Application(
    broker_address=KAFKA,
    consumer_group=APP,
    auto_offset_reset="earliest",
    state_dir=os.environ.get("BENCH_DATA"),
    use_changelog_topics=True,
    loglevel="WARNING",
    consumer_extra_config={"fetch.message.max.bytes": 4 << 20, "queued.min.messages": 200_000},
    producer_extra_config={"linger.ms": 50, "batch.size": 1 << 20, "queue.buffering.max.messages": 1_000_000},
)
source = app.topic(SOURCE, key_deserializer="str", value_deserializer="bytes")
rejected = app.topic(f"{APP}-rejected", key_serializer="str", value_serializer="bytes", config=TOPIC_CONFIG)
changes = app.topic(f"{APP}-changes", key_serializer="str", value_serializer="json", config=TOPIC_CONFIG)

clock = Clock()
done = 0
"""Purchases processed or refused."""


def count_done() -> None:
    """Count a purchase that was processed or refused; the last one ends the run, with a checkpoint."""
    global done  # noqa: PLW0603 - one program, one run
    done += 1
    if done >= clock.total:
        app.stop()


def order(purchase: Purchase) -> dict[str, Any]:
    """Return the fields of a purchase that are passed on."""
    whose = {"customer_id": purchase.customer_id, "event_id": purchase.event_id}
    return {**whose, "at": purchase.at, "amount": purchase.kopecks}


def read(value: bytes) -> dict[str, Any]:
    """Return the fields of a purchase that was checked before."""
    clock.take_many(1)
    return order(decode(value))


def admit(value: bytes) -> dict[str, Any] | bytes:
    """Return the fields of a valid purchase, else the unchanged value."""
    clock.take_many(1)
    try:
        return order(decode_checked(value))
    except ValueError:
        count_done()
        return value


def segment(purchase: dict[str, Any], state: State) -> list[dict[str, Any]]:
    """Apply a purchase to its customer, and return the changes."""
    it = Customer(*state.get("customer", ()))
    changed = fold(purchase["customer_id"], it, purchase["at"], purchase["amount"], purchase["event_id"])
    figures = [it.seq, it.segment, it.cell, it.as_of, it.last, it.lifetime, it.monetary]
    state.set("customer", [*figures, it.times, it.amounts])
    count_done()
    return changed


purchases = app.dataframe(source)
if WHOLE:
    ways = purchases.apply(admit)
    ways.filter(lambda value: isinstance(value, bytes)).to_topic(rejected)
    purchases = ways.filter(lambda value: isinstance(value, dict)).group_by(
        "customer_id", key_serializer="str", key_deserializer="str"
    )
else:
    purchases = purchases.apply(read)
purchases.apply(segment, stateful=True, expand=True).to_topic(changes)

if __name__ == "__main__":
    app.run()  # returns after a last checkpoint: changes and changelog acknowledged, stores written, offsets committed
    clock.stop()
    os._exit(0)
