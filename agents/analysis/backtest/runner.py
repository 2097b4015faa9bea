"""Run a backtest on the whole journal, partition by partition, in as many processes as there are cores.

Each process folds a partition with both policies, so that it is fetched and decoded only once, and then gets the next
partition. In memory are the records of the partitions in progress, some 250 bytes each. Everything is read without a
consumer group, and nothing is written.
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

from agents.analysis.backtest.backtest import Backtest
from agents.analysis.backtest.result import EMPTY_RESULT, BacktestResult
from state.fold.partition import NoPolicy
from state.records.events import UnknownFormatVersion
from streams.kafka.reader import OffsetTruncated, read_range
from streams.kafka.topics import Topics
from streams.settings.settings import Settings
from streams.tables.erasure_ledger import read_ledger

_WAIT_SECONDS: Final = 0.2


@dataclass(frozen=True)
class BacktestTask:
    """What all processes need.

    Attributes:
        settings: of the prefix.
        ends: for each partition of the journal the end offset up to which it is read.
        policies: the texts of policies A and B.
        campaigns: the text of the campaigns used with both.
        until: the time at which the comparison ends, in milliseconds; None: at the end of the journal.
    """

    settings: Settings
    ends: dict[int, int]
    policies: tuple[str, str]
    campaigns: str
    until: int | None


class BacktestFailed(Exception):
    """A partition could not be folded; the message says which and what to do."""


@dataclass(frozen=True)
class _Failure:
    """An exception of a process, as it is sent to the command."""

    message: str
    kind: type[Exception]


_Reply: TypeAlias = int | BacktestResult | _Failure
"""A number of records read or folded since the last reply, the result of a partition, or why there is none."""


def run_backtest(task: BacktestTask, on_progress: Callable[[int], None]) -> BacktestResult:
    """Fold the journal with both policies.

    Args:
        task: what to fold.
        on_progress: is called with the number of records read plus the number folded: each record counts twice.

    Raises:
        BacktestFailed: the journal has lost its start or was written by a newer version, or a process was killed.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    remaining = sorted(task.ends, key=lambda partition: task.ends[partition])  # the longest is taken first
    total, progress = EMPTY_RESULT, 0
    with _processes(task) as connections:
        busy = [connection for connection in connections if _assign_next(connection, remaining)]
        while busy:
            for connection in wait(busy, _WAIT_SECONDS):
                assert isinstance(connection, Connection)
                reply = _receive(connection)
                if isinstance(reply, int):
                    progress += reply
                    on_progress(progress)
                    continue
                total = total.merge(reply)
                if not _assign_next(connection, remaining):
                    busy.remove(connection)
    return total


@contextlib.contextmanager
def _processes(task: BacktestTask) -> Iterator[list[Connection]]:
    """Start a process for each core, but no more than partitions, and end them with the block."""
    context = multiprocessing.get_context("spawn")
    connections, processes = [], []
    try:
        for _ in range(min(_cores(), len(task.ends))):
            ours, theirs = context.Pipe()
            process = context.Process(target=_run_process, args=(theirs, task), daemon=True)
            process.start()
            theirs.close()  # while a copy is open here, the end of the process would go unnoticed
            connections.append(ours)
            processes.append(process)
        yield connections
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _assign_next(connection: Connection, remaining: list[int]) -> bool:
    """Give a process the next partition, and return whether there was one."""
    if not remaining:
        return False
    connection.send(remaining.pop())
    return True


def _receive(connection: Connection) -> int | BacktestResult:
    try:
        reply: _Reply = connection.recv()
    except (EOFError, OSError) as error:
        raise BacktestFailed(
            "a process of the comparison was killed, perhaps because memory ran out: it holds all records of a "
            "partition; give it more memory, or fewer cores (taskset), so that fewer partitions are in progress at once"
        ) from error
    if isinstance(reply, _Failure):
        raise reply.kind(reply.message)
    return reply


def _run_process(connection: Connection, task: BacktestTask) -> None:
    """Fold one partition after the other, until the command closes the connection."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the command ends this one
    gc.set_threshold(100_000, 50, 100)  # as in a worker: collecting takes long, and there are no cycles to be found
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(_fold_or_fail(task, connection.recv(), connection.send))


def _fold_or_fail(task: BacktestTask, partition: int, on_progress: Callable[[int], None]) -> BacktestResult | _Failure:
    try:
        return asyncio.run(_fold(task, partition, on_progress))
    except KafkaError as error:
        return _Failure(str(error) or type(error).__name__, KafkaError)
    except OffsetTruncated as error:
        return _Failure(str(error), BacktestFailed)
    except (UnknownFormatVersion, DecodeError, NoPolicy) as error:
        return _Failure(f"{Topics(task.settings.prefix).journal}:{partition}: {error}", BacktestFailed)
    except Exception:  # noqa: BLE001 - a bug: the command raises it, with the traceback of this process
        return _Failure(traceback.format_exc(), RuntimeError)


async def _fold(task: BacktestTask, partition: int, on_progress: Callable[[int], None]) -> BacktestResult:
    kafka, topics = task.settings.kafka_client(), Topics(task.settings.prefix)
    erasures = await read_ledger(read_range(kafka, topics.erasure_ledger, partition))
    backtest = Backtest(task.policies, task.campaigns, erasures, task.until)
    add = backtest.add
    async for batch in read_range(kafka, topics.journal, partition, 0, task.ends[partition]):
        for message in batch:
            key = message.key
            if not add(message.offset, key.decode() if key else "", message.value):
                return backtest.compare(on_progress)
        on_progress(len(batch))
    return backtest.compare(on_progress)
