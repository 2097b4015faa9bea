"""Measure how long `goldstream policy diff` takes to replay a journal with two policies."""

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

from bench.console_output import JsonFile, print_progress, run_measurement
from bench.figures import Figure
from bench.testbed.broker import PARTITIONS, BenchFailed
from bench.testbed.testbed import Testbed, run_on_testbed
from bench.testbed.workers import PROGRAM, import_path
from bench.workload import Workload, purchases
from state.config.policy_reader import parse_policy
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
from streams.kafka.control import ControlRecord, append_control
from streams.kafka.writing.batch_writer import BatchWriter
from streams.kafka.writing.publisher import partition_of

_PURCHASES_PER_TICK: Final = 1000
"""Purchases between two ticks; a tick is written to every partition."""
_PURCHASES_PER_FLUSH: Final = 50_000
_TIMEOUT_S: Final = 600.0
_OTHER_THRESHOLDS: Final = (("edges = [60, 180]", "edges = [45, 120]"), ("edges = [2, 5]", "edges = [3, 6]"))


def diff(
    records: Annotated[int, typer.Option(min=10_000, help="Number of records in the journal.")] = 1_000_000,
    customers: Annotated[
        int | None, typer.Option(min=1, help="Number of customers; default: a fifth of the records.")
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds; the median is shown.")] = 3,
    json_file: JsonFile = None,
) -> None:
    """Measure `goldstream policy diff`: two policies, with campaigns, over a journal."""
    workload = Workload(records, customers or records // 5, 7)
    options = {"records": records, "customers": workload.customers, "rounds": rounds}
    title = f"Two policies compared over a journal of {records:,} records, {workload.customers:,} customers"
    run_measurement(
        title, lambda: run_on_testbed("event", print_progress, partial(_measure, workload, rounds)), options, json_file
    )


async def _measure(workload: Workload, rounds: int, testbed: Testbed) -> Sequence[Figure]:
    testbed.log("writing the journal")
    written = await _write_journal(workload, testbed)
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "a.toml"), Path(folder, "b.toml")
        texts = policy_text(), policy_text().replace('"retail-27"', '"other"')
        for before, after in _OTHER_THRESHOLDS:
            texts = texts[0], texts[1].replace(before, after)
        for file, text in zip(files, texts, strict=True):
            file.write_text(text, encoding="utf-8")
        seconds = []
        for number in range(rounds):
            testbed.log(f"round {number + 1} of {rounds}")
            seconds.append(await asyncio.to_thread(_compare, testbed, files, written))
    median_s = median(seconds)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return [
        Figure("policy diff, from its start to its end", median_s, "s", "30 for 1,000,000"),
        Figure("records", written / median_s, "per second"),
        Figure("peak memory of its largest process", children.ru_maxrss / 1024, "MiB"),
    ]


async def _write_journal(workload: Workload, testbed: Testbed) -> int:
    """Write about as many records as the workload has events, as `admit` would; return how many.

    The records are a policy and campaigns at the beginning, purchases, ticks, and for every second customer a signup
    with e-mail consent before their first purchase.
    """
    policy = parse_policy(policy_text())
    rules = AdmissionRules(policy.currency, policy.digits, policy.rates)
    producer = AIOKafkaProducer(**testbed.settings.kafka_client(), enable_idempotence=True, max_batch_size=256 * 1024)
    await producer.start()
    journal = JournalWriter(producer, testbed.topics.journal)
    seen_keys: set[bytes] = set()
    try:
        control = testbed.settings, ControlRecord(kind="policy", text=policy_text())
        journal.add_to_all(PolicyApplied("control", 0, await append_control(*control), policy_text()))
        control = testbed.settings, ControlRecord(kind="campaigns", text=campaigns_text())
        journal.add_to_all(CampaignsApplied("control", 0, await append_control(*control), campaigns_text()))
        for number, (key, value) in enumerate(purchases(workload)):
            admitted = admit("purchases", 0, number, value, rules, None)
            assert isinstance(admitted, Admitted), admitted
            if key not in seen_keys and len(seen_keys) % 2:
                journal.add(key, _signup(number, admitted.event.occurred_at))
            seen_keys.add(key)
            journal.add(key, admitted.event)
            if number % _PURCHASES_PER_TICK == 0:
                journal.add_to_all(Tick(admitted.event.occurred_at, None))
            if number % _PURCHASES_PER_FLUSH == 0:
                await journal.writer.flush()
            if journal.written >= workload.events:
                break
        await journal.writer.flush()
    finally:
        await producer.stop()
    return journal.written


class JournalWriter:
    """Writes records to an empty journal.

    Attributes:
        written: number of records so far.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self.writer = BatchWriter(producer)
        self.written = 0
        self._topic = topic

    def add(self, key: bytes, record: JournalRecord) -> None:
        """Add a customer's record."""
        self._add(partition_of(key, PARTITIONS), key, record)

    def add_to_all(self, record: JournalRecord) -> None:
        """Add a record to every partition."""
        for partition in range(PARTITIONS):
            self._add(partition, None, record)

    def _add(self, partition: int, key: bytes | None, record: JournalRecord) -> None:
        self.writer.add(self._topic, partition, key, encode_record(record))
        self.written += 1


def _signup(number: int, at_ms: int) -> CustomerSignedUp:
    head = ("signups", 0, number, f"s-{number}", at_ms, False)
    return CustomerSignedUp(*head, "till", {"email": True}, None, None, None, None, None, None)


def _compare(testbed: Testbed, files: tuple[Path, Path], written: int) -> float:
    """Run the command and return its duration in seconds.

    Raises:
        BenchFailed: it failed, or did not read the whole journal.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GOLDSTREAM_")}
    environment |= {
        "PYTHONPATH": import_path(),
        "GOLDSTREAM_KAFKA": testbed.settings.kafka,
        "GOLDSTREAM_PREFIX": testbed.settings.prefix,
    }
    command = [sys.executable, "-P", "-c", PROGRAM, "policy", "diff", *map(str, files), "--json"]
    started_s = time.perf_counter()
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S)
    seconds = time.perf_counter() - started_s
    if ended.returncode:
        message = f"goldstream policy diff ended with {ended.returncode}: {ended.stderr}"
        raise BenchFailed(message)
    report = json.loads(ended.stdout)
    if report["records"] != written or not report["moved"] or not sum(report["a"]["sent"].values()):
        summary = (
            f"{report['records']:,} records, {report['moved']:,} customers who move, messages {report['a']['sent']}"
        )
        message = f"goldstream policy diff reported {summary}; the journal has {written:,} records"
        raise BenchFailed(message)
    return seconds
