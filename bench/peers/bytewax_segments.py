"""Segments on Bytewax 0.21: a stateful step per customer, whose snapshots go into recovery partitions on disk.

    python -m bench.peers.bytewax_segments

does what `python -m bytewax.run -r DATABASES -s 10 -b 0` does, and stops the clock at the end. BENCH_JOB says what is
run: `segment` judges what stands in the source topic, `whole` checks it first and keys it anew through a topic in
between. See clock.py for the other variables.
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
# A sink waits for its acknowledgements after each batch, so lingering long would only make it wait.
WRITE = {"linger.ms": "5", "batch.size": str(1 << 20), "queue.buffering.max.messages": "1000000"}
AT_ONCE = 10_000

gc.set_threshold(100_000, 50, 100)  # as Goldstream has it: with CPython's own a third of the time goes into collecting

clock = Clock()
settled = 0
"""Purchases judged or refused."""


class Judge(StatefulBatchLogic[Purchase, dict[str, Any], tuple[Any, ...]]):
    """Applies purchases to one customer, and tells what changed."""

    __slots__ = ("_customer",)

    def __init__(self, snapshot: tuple[Any, ...] | None) -> None:
        """Take the customer up where the snapshot left them."""
        self._customer = Customer()
        if snapshot is not None:
            *figures, times, amounts = snapshot
            self._customer = Customer(*(*figures, list(times), list(amounts)))

    def on_batch(self, values: list[Purchase]) -> tuple[Iterable[dict[str, Any]], bool]:
        """Judge the customer at each purchase."""
        global settled  # noqa: PLW0603 - one program, one run
        changes = []
        for each in values:
            changes += fold(each.customer_id, self._customer, each.at, each.kopecks, each.event_id)
        settled += len(values)
        return changes, StatefulBatchLogic.RETAIN

    def snapshot(self) -> tuple[Any, ...]:
        """What is written to disk; pickled later, so the lists are copied."""
        it = self._customer
        figures = (it.seq, it.segment, it.cell, it.as_of, it.last, it.lifetime, it.monetary)
        return (*figures, tuple(it.times), tuple(it.amounts))


class _UntilSettled(StatefulSourcePartition[Any, Any]):
    """A partition of the topic in between, which ends when nothing more can come."""

    def __init__(self, partition: StatefulSourcePartition[Any, Any]) -> None:
        self._partition = partition

    def next_batch(self) -> Iterable[Any]:
        if settled >= clock.total:
            raise StopIteration
        batch: Iterable[Any] = self._partition.next_batch()
        return batch

    def snapshot(self) -> Any:
        return self._partition.snapshot()

    def close(self) -> None:
        self._partition.close()


class UntilSettled(FixedPartitionedSource[Any, Any]):
    """The topic in between, which is followed until every purchase is judged or refused."""

    def __init__(self, source: KafkaSource) -> None:
        """Follow this one."""
        self._source = source

    def list_parts(self) -> list[str]:
        """As the source has it."""
        parts: list[str] = self._source.list_parts()
        return parts

    def build_part(self, step_id: str, for_part: str, resume_state: Any) -> _UntilSettled:
        """As the source has it."""
        return _UntilSettled(self._source.build_part(step_id, for_part, resume_state))


def admit(messages: list[KafkaSourceMessage[Any, bytes]]) -> list[KafkaSinkMessage[Any, bytes]]:
    """Check what comes: a purchase goes on with its customer as the key, what is none without a key."""
    global settled  # noqa: PLW0603 - one program, one run
    clock.take_many(len(messages))
    out = []
    for message in messages:
        try:
            key = decode_checked(message.value).customer_id.encode()
        except ValueError:
            key = None
            settled += 1
        out.append(KafkaSinkMessage(key, message.value))
    return out


def by_customer(messages: list[KafkaSourceMessage[Any, bytes]]) -> list[tuple[str, Purchase]]:
    """Decode purchases."""
    if not WHOLE:
        clock.take_many(len(messages))
    purchases = [decode(message.value) for message in messages]
    return [(purchase.customer_id, purchase) for purchase in purchases]


def as_messages(changes: list[tuple[str, dict[str, Any]]]) -> list[KafkaSinkMessage[bytes, bytes]]:
    """Encode changes."""
    return [KafkaSinkMessage(customer_id.encode(), orjson.dumps(change)) for customer_id, change in changes]


def source(topic: str, *, tail: bool) -> KafkaSource:
    """A topic to read."""
    return KafkaSource([KAFKA], [topic], tail=tail, add_config=dict(FETCH), batch_size=AT_ONCE)


def sink(name: str) -> KafkaSink:
    """A topic to write, in whose partitions keys lie where Java puts them."""
    return KafkaSink([KAFKA], f"{APP}-{name}", add_config={**WRITE, "partitioner": "murmur2_random"})


def dataflow() -> Dataflow:
    """The steps, in the order in which the data flows."""
    flow = Dataflow("segments")
    purchases = op.input("purchases", flow, source(SOURCE, tail=False))
    if WHOLE:
        way = op.branch("way", op.flat_map_batch("admit", purchases, admit), lambda message: message.key is not None)
        op.output("to_admitted", way.trues, sink("admitted"))
        op.output("to_rejected", way.falses, sink("rejected"))
        purchases = op.input("admitted", flow, UntilSettled(source(f"{APP}-admitted", tail=True)))
    keyed = op.flat_map_batch("by_customer", purchases, by_customer)
    changes = op.stateful_batch("judge", keyed, Judge)
    op.output("to_changes", op.flat_map_batch("as_messages", changes, as_messages), sink("changes"))
    return flow


if __name__ == "__main__":
    databases = Path(os.environ["BENCH_DATA"])
    databases.mkdir(parents=True)
    init_db_dir(databases, PARTITIONS)
    # It returns when its last epoch is closed: changes acknowledged, snapshots on disk.
    cli_main(dataflow(), epoch_interval=timedelta(seconds=10), recovery_config=RecoveryConfig(databases, timedelta(0)))
    clock.stop()
