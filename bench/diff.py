"""How long `goldstream policy diff` takes to replay a journal with two policies."""

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Final

import typer
from aiokafka import AIOKafkaProducer

from bench.broker import PARTITIONS, BenchFailed
from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.testbed import Testbed, run_on_testbed
from bench.workers import PROGRAM, import_path
from bench.workload import Workload, purchases
from state.config.policy import parse_policy
from state.intake.admission import AdmissionRules, Admitted, admit
from state.records.events import (
    CampaignsApplied,
    CustomerSignedUp,
    JournalRecord,
    PolicyApplied,
    Tick,
    encode_record,
)
from streams.defaults import campaigns_text, policy_text
from streams.kafka.batch_writer import BatchWriter
from streams.kafka.control import ControlRecord, append_control
from streams.kafka.publisher import partition_of

_TICK_EVERY: Final = 1000
"""Purchases between two ticks, which stand in every partition."""
_FLUSH_EVERY: Final = 50_000
_AT_MOST_S: Final = 600.0
_OTHER_EDGES: Final = (("edges = [60, 180]", "edges = [45, 120]"), ("edges = [2, 5]", "edges = [3, 6]"))


def diff(
    records: Annotated[int, typer.Option(min=10_000, help="Records in the journal.")] = 1_000_000,
    customers: Annotated[
        int | None, typer.Option(min=1, help="Customers; a fifth of the records unless given.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often; the median is shown.")] = 3,
    json_file: JsonFile = None,
) -> None:
    """Measure `goldstream policy diff`: two policies, with campaigns, over a journal of so many records."""
    scale = Workload(records, customers or records // 5, 7)
    asked = {"records": records, "customers": scale.customers, "rounds": rounds}
    title = f"Two policies compared over a journal of {records:,} records, {scale.customers:,} customers"
    run_measurement(
        title, lambda: run_on_testbed("event", print_progress, partial(_measure, scale, rounds)), asked, json_file
    )


async def _measure(scale: Workload, rounds: int, ground: Testbed) -> Sequence[Figure]:
    ground.log("writing the journal")
    written = await _write_journal(scale, ground)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "a.toml"), Path(folder, "b.toml")
        texts = policy_text(), policy_text().replace('"retail-27"', '"other"')
        for was, now in _OTHER_EDGES:
            texts = texts[0], texts[1].replace(was, now)
        for file, text in zip(files, texts, strict=True):
            file.write_text(text, encoding="utf-8")
        seconds = []
        for number in range(rounds):
            ground.log(f"round {number + 1} of {rounds}")
            seconds.append(await asyncio.to_thread(_compare, ground, files, written))
    middle = median(seconds)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return [
        Figure("policy diff, from its start to its end", middle, "s", "30 for 1,000,000"),
        Figure("records", written / middle, "a second"),
        Figure("memory of its largest process at most", children.ru_maxrss / 1024, "MiB"),
    ]


async def _write_journal(scale: Workload, ground: Testbed) -> int:
    """As many records as `scale` has events, as `admit` journals them; how many it became.

    Purchases, and before the first one of every second customer a signup that agrees to e-mail; a policy and campaigns
    at the beginning, and ticks.
    """
    policy = parse_policy(policy_text())
    exchange = AdmissionRules(policy.currency, policy.digits, policy.rates)
    producer = AIOKafkaProducer(**ground.settings.kafka_client(), enable_idempotence=True, max_batch_size=256 * 1024)
    await producer.start()
    journal = Journal(producer, ground.topics.journal)
    met: set[bytes] = set()
    try:
        control = ground.settings, ControlRecord(kind="policy", text=policy_text())
        journal.add_to_all(PolicyApplied("control", 0, await append_control(*control), policy_text()))
        control = ground.settings, ControlRecord(kind="campaigns", text=campaigns_text())
        journal.add_to_all(CampaignsApplied("control", 0, await append_control(*control), campaigns_text()))
        for number, (key, value) in enumerate(purchases(scale)):
            admitted = admit("purchases", 0, number, value, exchange, None)
            assert isinstance(admitted, Admitted), admitted
            if key not in met and len(met) % 2:
                journal.add(key, _signup(number, admitted.event.occurred_at))
            met.add(key)
            journal.add(key, admitted.event)
            if number % _TICK_EVERY == 0:
                journal.add_to_all(Tick(admitted.event.occurred_at, None))
            if number % _FLUSH_EVERY == 0:
                await journal.outbox.flush()
            if journal.written >= scale.events:
                break
        await journal.outbox.flush()
    finally:
        await producer.stop()
    return journal.written


class Journal:
    """The journal while it is written.

    Attributes:
        written: how many records it has.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        """Write to an empty topic."""
        self.outbox = BatchWriter(producer)
        self.written = 0
        self._topic = topic

    def add(self, key: bytes, record: JournalRecord) -> None:
        """Take a customer's record."""
        self._add(partition_of(key, PARTITIONS), key, record)

    def add_to_all(self, record: JournalRecord) -> None:
        """Take a record of all partitions."""
        for partition in range(PARTITIONS):
            self._add(partition, None, record)

    def _add(self, partition: int, key: bytes | None, record: JournalRecord) -> None:
        self.outbox.add(self._topic, partition, key, encode_record(record))
        self.written += 1


def _signup(number: int, at_ms: int) -> CustomerSignedUp:
    head = ("signups", 0, number, f"s-{number}", at_ms, False)
    return CustomerSignedUp(*head, "till", {"email": True}, None, None, None, None, None, None)


def _compare(ground: Testbed, files: tuple[Path, Path], written: int) -> float:
    """Seconds from the start of the command to its end.

    Raises:
        BenchFailed: it failed, or has not read all of the journal.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOLDSTREAM_")}
    environment |= {
        "PYTHONPATH": import_path(),
        "GOLDSTREAM_KAFKA": ground.settings.kafka,
        "GOLDSTREAM_PREFIX": ground.settings.prefix,
    }
    command = [sys.executable, "-P", "-c", PROGRAM, "policy", "diff", *map(str, files), "--json"]
    began = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_AT_MOST_S)
    seconds = time.perf_counter() - began
    if done.returncode:
        message = f"goldstream policy diff ended with {done.returncode}: {done.stderr}"
        raise BenchFailed(message)
    found = json.loads(done.stdout)
    if found["records"] != written or not found["moved"] or not sum(found["a"]["sent"].values()):
        told = f"{found['records']:,} records, {found['moved']:,} customers who move, sent {found['a']['sent']}"
        message = f"goldstream policy diff told of {told}: the journal has {written:,} records"
        raise BenchFailed(message)
    return seconds
