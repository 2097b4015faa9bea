"""Segments on Bytewax 0.21: a stateful step per customer, with snapshots in recovery partitions on disk.

    python -m bench.peers.bytewax_segments

does what `python -m bytewax.run -r DATABASES -s 10 -b 0` does, and stops the clock at the end.

BENCH_JOB selects the job: `segment` processes the source topic, `whole` first checks it and repartitions it by customer
through another topic. See clock.py for the other variables.
"""

import gc
import os
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from bench.peers.clock import APP, KAFKA, PARTITIONS, SOURCE, Clock
from bench.peers.customer import fold
from bench.peers.purchase import Customer, Purchase, decode, decode_checked

WHOLE = os.environ.get("BENCH_JOB") == "whole"
FETCH = {"fetch.message.max.bytes": str(4 << 20), "queued.min.messages": "200000"}
# A sink waits for acknowledgements after each batch, so a longer linger would only delay it.
WRITE = {"linger.ms": "5", "batch.size": str(1 << 20), "queue.buffering.max.messages": "1000000"}
BATCH_SIZE = 10_000

gc.set_threshold(100_000, 50, 100)  # as in Goldstream; with CPython's defaults, collection takes a third of the time

clock = Clock()
done = 0
"""Purchases processed or refused."""


class SegmentLogic(StatefulBatchLogic[Purchase, dict[str, Any], tuple[Any, ...]]):
    """Applies purchases to one customer, and emits the changes."""

    __slots__ = ("_customer",)

    def __init__(self, snapshot: tuple[Any, ...] | None) -> None:
        self._customer = Customer()
        if snapshot is not None:
            *figures, times, amounts = snapshot
            self._customer = Customer(*(*figures, list(times), list(amounts)))

    def on_batch(self, values: list[Purchase]) -> tuple[Iterable[dict[str, Any]], bool]:
        """Apply a batch of purchases."""
        global done  # noqa: PLW0603 - one program, one run
        changes = []
        for each in values:
            changes += fold(each.customer_id, self._customer, each.at, each.kopecks, each.event_id)
        done += len(values)
        return changes, StatefulBatchLogic.RETAIN

    def snapshot(self) -> tuple[Any, ...]:
        """Return what is written to disk; the lists are copied because pickling happens later."""
        it = self._customer
        figures = (it.seq, it.segment, it.cell, it.as_of, it.last, it.lifetime, it.monetary)
        return (*figures, tuple(it.times), tuple(it.amounts))


class _UntilDone(StatefulSourcePartition[Any, Any]):
    """A partition of the intermediate topic, which ends once every purchase is processed or refused."""

    def __init__(self, partition: StatefulSourcePartition[Any, Any]) -> None:
        self._partition = partition

    def next_batch(self) -> Iterable[Any]:
        if done >= clock.total:
            raise StopIteration
        batch: Iterable[Any] = self._partition.next_batch()
        return batch

    def snapshot(self) -> Any:
        return self._partition.snapshot()

    def close(self) -> None:
        self._partition.close()


class UntilDone(FixedPartitionedSource[Any, Any]):
    """The intermediate topic, which is followed until every purchase is processed or refused."""

    def __init__(self, source: KafkaSource) -> None:
        self._source = source

    def list_parts(self) -> list[str]:
        """Delegate to the source."""
        parts: list[str] = self._source.list_parts()
        return parts

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> _UntilDone:
        """Delegate to the source."""
        return _UntilDone(self._source.build_part(step_id, for_part, resume_state))


def admit(messages: list[KafkaSourceMessage[Any, bytes]]) -> list[KafkaSinkMessage[Any, bytes]]:
    """Check records: a valid purchase gets its customer as key, anything else no key."""
    global done  # noqa: PLW0603 - one program, one run
    clock.take_many(len(messages))
    messages_out = []
    for message in messages:
        try:
            key = decode_checked(message.value).customer_id.encode()
        except ValueError:
            key = None
            done += 1
        messages_out.append(KafkaSinkMessage(key, message.value))
    return messages_out


def by_customer(messages: list[KafkaSourceMessage[Any, bytes]]) -> list[tuple[str, Purchase]]:
    """Decode purchases, keyed by customer."""
    if not WHOLE:
        clock.take_many(len(messages))
    purchases = [decode(message.value) for message in messages]
    return [(purchase.customer_id, purchase) for purchase in purchases]


def as_messages(changes: list[tuple[str, dict[str, Any]]]) -> list[KafkaSinkMessage[bytes, bytes]]:
    """Encode changes."""
    return [KafkaSinkMessage(customer_id.encode(), orjson.dumps(change)) for customer_id, change in changes]


def source(topic: str, *, tail: bool) -> KafkaSource:
    """Return a topic to read."""
    return KafkaSource([KAFKA], [topic], tail=tail, add_config=dict(FETCH), batch_size=BATCH_SIZE)


def sink(name: str) -> KafkaSink:
    """Return a topic to write, partitioned as Java's client does."""
    return KafkaSink([KAFKA], f"{APP}-{name}", add_config={**WRITE, "partitioner": "murmur2_random"})


def dataflow() -> Dataflow:
    """Return the steps in the order of the data flow."""
    flow = Dataflow("segments")
    purchases = op.input("purchases", flow, source(SOURCE, tail=False))
    if WHOLE:
        way = op.branch("way", op.flat_map_batch("admit", purchases, admit), lambda message: message.key is not None)
        op.output("to_admitted", way.trues, sink("admitted"))
        op.output("to_rejected", way.falses, sink("rejected"))
        purchases = op.input("admitted", flow, UntilDone(source(f"{APP}-admitted", tail=True)))
    keyed = op.flat_map_batch("by_customer", purchases, by_customer)
    changes = op.stateful_batch("segment", keyed, SegmentLogic)
    op.output("to_changes", op.flat_map_batch("as_messages", changes, as_messages), sink("changes"))
    return flow


if __name__ == "__main__":
    databases = Path(os.environ["BENCH_DATA"])
    databases.mkdir(parents=True)
    init_db_dir(databases, PARTITIONS)
    # It returns when its last epoch is closed: changes acknowledged, snapshots on disk.
    cli_main(dataflow(), epoch_interval=timedelta(seconds=10), recovery_config=RecoveryConfig(databases, timedelta(0)))
    clock.stop()
