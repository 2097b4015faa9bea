"""`goldstream policy diff`: the journal under one policy and under another, partition by partition, in processes.

Each process folds a partition with both policies at once, so that it is fetched and decoded only once, and is given the
next one when it is done. In memory are the records of the partitions under way, some 250 bytes each. All is read
outside any group, and nothing is written.
"""

import asyncio
import contextlib
import gc
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Final, TypeAlias

from aiokafka.errors import KafkaError
from msgspec import DecodeError

from agents.analysis.backtest import EMPTY_RESULT, Backtest, BacktestResult
from agents.analysis.journal_reader import read_ledger
from state.fold.partition import NoPolicy
from state.records.events import UnknownFormatVersion
from streams.kafka.reader import OffsetTruncated, read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings

_SEES_HOW_FAR_EVERY_S: Final = 0.2


@dataclass(frozen=True)
class BacktestTask:
    """What all processes are to do.

    Attributes:
        ends: of each partition of the journal the offset up to which is read.
        policies: the texts of both; `campaigns` the text of those that go with both.
        until: the moment at which the folds end, in milliseconds; None: the end of the journal.
    """

    settings: Settings
    ends: dict[int, int]
    policies: tuple[str, str]
    campaigns: str
    until: int | None


class BacktestFailed(Exception):
    """A partition could not be folded; the message says which and what to do."""


@dataclass(frozen=True)
class _Failed:
    """What a process says that could not do its work."""

    words: str
    kind: type[Exception]


_Said: TypeAlias = int | BacktestResult | _Failed
"""How many more records are done with a step, what a partition came to, or why it came to nothing."""


def run_backtest(job: BacktestTask, show: Callable[[int], None]) -> BacktestResult:
    """Fold the journal with both policies.

    Args:
        job: what to fold.
        show: told how many records have been read and folded, so that each counts twice.

    Raises:
        DiffFailed: the journal has lost its beginning, is of a newer version, or a process was ended.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    left = sorted(job.ends, key=lambda number: job.ends[number])  # the longest first
    total, done = EMPTY_RESULT, 0
    with _processes(job) as connections:
        working = [connection for connection in connections if _give(connection, left)]
        while working:
            for connection in wait(working, _SEES_HOW_FAR_EVERY_S):
                assert isinstance(connection, Connection)
                said = _heard(connection)
                if isinstance(said, int):
                    done += said
                    show(done)
                    continue
                total = total.merge(said)
                if not _give(connection, left):
                    working.remove(connection)
    return total


@contextlib.contextmanager
def _processes(job: BacktestTask) -> Iterator[list[Connection]]:
    """As many processes as there are cores for, and partitions; they end with the block, whatever they do."""
    context = multiprocessing.get_context("spawn")
    connections, processes = [], []
    try:
        for _ in range(min(_cores(), len(job.ends))):
            ours, its = context.Pipe()
            process = context.Process(target=_work, args=(its, job), daemon=True)
            process.start()
            its.close()  # or its end would never be noticed
            connections.append(ours)
            processes.append(process)
        yield connections
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _give(connection: Connection, left: list[int]) -> bool:
    """Give a process the next partition; whether there was one."""
    if not left:
        return False
    connection.send(left.pop())
    return True


def _heard(connection: Connection) -> int | BacktestResult:
    try:
        said: _Said = connection.recv()
    except (EOFError, OSError) as error:
        raise BacktestFailed(
            "a process of the comparison was ended from outside, perhaps for want of memory: it keeps all records of "
            "a partition; give it more memory, or fewer cores (taskset), so that fewer partitions are under "
            "way at once"
        ) from error
    if isinstance(said, _Failed):
        raise said.kind(said.words)
    return said


def _work(connection: Connection, job: BacktestTask) -> None:
    """What a process does: one partition after the other, until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who was interrupted is the command, which ends this
    gc.set_threshold(100_000, 50, 100)  # as a worker: collecting is dear, and there is nothing to be found
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(_folded(job, connection.recv(), connection.send))


def _folded(job: BacktestTask, partition: int, on_done: Callable[[int], None]) -> BacktestResult | _Failed:
    place = f"{Topics(job.settings.prefix).journal}:{partition}"
    try:
        return asyncio.run(_fold(job, partition, on_done))
    except KafkaError as error:
        return _Failed(str(error) or type(error).__name__, KafkaError)
    except OffsetTruncated as error:
        return _Failed(str(error), BacktestFailed)
    except (UnknownFormatVersion, DecodeError, NoPolicy) as error:
        return _Failed(f"{place}: {error}", BacktestFailed)
    except Exception:  # noqa: BLE001 - a bug is told by who asked, with its place here
        return _Failed(traceback.format_exc(), RuntimeError)


async def _fold(job: BacktestTask, partition: int, on_done: Callable[[int], None]) -> BacktestResult:
    folds = Backtest(job.policies, job.campaigns, await read_ledger(job.settings, partition), job.until)
    kafka, topic = job.settings.kafka_client(), Topics(job.settings.prefix).journal
    take = folds.add
    async for batch in read_range(kafka, topic, partition, 0, job.ends[partition]):
        for message in batch:
            key = message.key
            if not take(message.offset, key.decode() if key else "", message.value):
                return folds.compare(on_done)
        on_done(len(batch))
    return folds.compare(on_done)
