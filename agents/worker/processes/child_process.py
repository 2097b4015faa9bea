"""A forked process of a worker: how it starts, how it notices that its supervisor is gone, and how it has ended."""

import asyncio
import ctypes
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from agents.worker.processes.event_loop import STOP_SIGNALS
from streams.telemetry.logs import add_to_every_line
from streams.telemetry.metrics import STAGES

log = logging.getLogger(__name__)

CRASHED: Final = 71
"""The exit status after an error that nothing expected; sysexits.h calls it an error of the system."""
_SET_DEATH_SIGNAL: Final = 1
_SET_NAME: Final = 15


@dataclass(frozen=True, slots=True)
class Forked:
    """A process that was started.

    Attributes:
        pid: its id.
        link: the supervisor's end of a pair of sockets; closing it asks the front to end.
    """

    pid: int
    link: socket.socket


def fork(name: str, main: Callable[[socket.socket], int], closing: Sequence[socket.socket]) -> Forked:
    """Start a process that runs `main`, with SIGTERM and SIGINT blocked, and exits with the status that it returns.

    The process must have one thread. The new process gets SIGKILL when this one ends (on Linux; elsewhere `end_with`).

    Args:
        name: of the stage, which its log lines name; or `front`.
        main: takes the process's end of the link.
        closing: sockets of this process that the new one closes.
    """
    parent = os.getpid()
    link, its_link = socket.socketpair()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            _run_child(name, parent, [link, *closing], lambda: main(its_link))
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
    its_link.close()
    link.settimeout(0)
    return Forked(pid, link)


def _run_child(name: str, parent: int, closing: Sequence[socket.socket], main: Callable[[], int]) -> NoReturn:
    """Run `main` and exit, without the exit handlers and the stack of the supervisor."""
    status = CRASHED
    try:
        signal.set_wakeup_fd(-1)
        for number in (*STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        _bind_to(parent, f"gs-{name}")
        for each in closing:
            each.close()
        if name in STAGES:
            add_to_every_line(stage=name)
        status = main()
    except BaseException:
        log.exception("the process of %s crashed", name)
    finally:
        logging.shutdown()
        os._exit(status)


def _bind_to(parent: int, name: str) -> None:
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(_SET_DEATH_SIGNAL, int(signal.SIGKILL), 0, 0, 0)
        prctl(_SET_NAME, name.encode(), 0, 0, 0)
    if os.getppid() != parent:  # it ended before that
        os._exit(CRASHED)


def end_with_supervisor(link: socket.socket) -> None:
    """Exit at once when the supervisor's end of the link is closed, for systems whose kernel does not see to that."""
    asyncio.get_running_loop().add_reader(link.fileno(), os._exit, CRASHED)


def describe_end(wait_status: int) -> str:
    """Return how a process has ended, as the end of a sentence about it."""
    code = os.waitstatus_to_exitcode(wait_status)
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
