"""The supervisor of a worker: starts one process for each stage and one for HTTP, and restarts those that die.

It has neither an event loop nor threads, so that it can fork at any time, and looks at the stages every ten seconds.
The processes are forked from it, so that they share the memory of the imported modules.
"""

import contextlib
import gc
import logging
import os
import select
import shutil
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agents.worker.processes.child_process import Forked, describe_end, end_with_supervisor, fork
from agents.worker.processes.event_loop import FAILED, STOP_SIGNALS, run_loop
from agents.worker.processes.front import FRONT, Report, run_front
from agents.worker.processes.shared import Shared, SharedCounts
from agents.worker.rules_watch import ConfiguredRules
from agents.worker.stage.single_stage import work_supervised
from streams.clock import Clock
from streams.engine.group_instance_id import claim_instance_id
from streams.errors import FatalError
from streams.kafka.topics import TopicsError
from streams.retries import Backoff
from streams.settings.settings import Settings

if TYPE_CHECKING:
    from agents.worker.preparation import Cluster

log = logging.getLogger(__name__)

FIRST_PAUSE_SECONDS: Final = 1.0
MAX_PAUSE_SECONDS: Final = 10.0
STABLE_SECONDS: Final = 60.0
"""A process that ran this long before it died is started again after the first pause."""
PROJECT_NICENESS: Final = 5
"""Where all cores are busy, publishing a change goes before showing it in Redis: `project` gets a third of a share."""
LOOK_SECONDS: Final = 10.0
HANGING_LOOKS: Final = 9
"""A stage whose event loop has not turned between so many looks is killed. Its own watchdog, a thread, ends it after a
minute and says where it hangs (`streams.engine.loop_watchdog`); it cannot where the process is stopped, or where code
in C does not let go of the interpreter."""
STOP_SECONDS: Final = 28.0
"""A worker ends within 30 s; a stage without a broker takes up to 25 s to give up."""


LONGEST_PARENT: Final = 70
"""A socket has a path of at most 103 bytes on macOS, 107 on Linux: names of the folder and of the stage come after."""
KILL_SECONDS: Final = 1.0
"""The front, which ends last, gets this long after stages were killed."""


@dataclass(slots=True)
class _Process:
    """A process to be kept running.

    Attributes:
        name: of the stage, or `front`.
        main: what it runs.
        forked: it, while it runs.
        started_s: when.
        due_s: when it starts again.
        beats: its count at the last look.
        looks: how many looks in a row have found it unchanged.
    """

    name: str
    main: Callable[[socket.socket], int]
    forked: Forked | None = None
    started_s: float = 0.0
    due_s: float | None = None
    beats: int = -1
    looks: int = 0
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS))


class Supervisor:
    """Runs a worker's processes until SIGTERM or SIGINT, or until one of them ends because no restart would help."""

    def __init__(
        self, settings: Settings, rules: ConfiguredRules, sockets: Sequence[socket.socket], clock: Clock
    ) -> None:
        """Take valid settings, and the sockets that listen at the worker's HTTP address."""
        self._settings = settings
        self._rules = rules
        self._sockets = sockets
        self._clock = clock
        self._processes: dict[str, _Process] = {}
        self._cluster: Cluster | None = None
        self._topic_errors: tuple[str, ...] = ()
        self._is_stopping = False
        self._deadline_s: float | None = None
        self._status = 0
        self._looks_at_s = 0.0

    def run(self) -> int:
        """Run until all processes have ended, and return the exit status.

        Raises:
            TopicsError: a topic cannot be created, or has another number of partitions or cleanup policy.
            FatalError: there is no place for temporary files.
            OSError: the data folder cannot be used.
        """
        stages = ("admit", "segment", *(("project",) if self._settings.redis else ()))
        if self._settings.redis:
            import agents.project.project_lane  # noqa: F401 - before the fork, so that its memory is shared
        with (
            self._signals() as woken,
            claim_instance_id(self._settings.data) as instance,
            _private_folder(instance) as folder,
        ):
            shared = Shared(
                settings=self._settings,
                rules=self._rules,
                clock=self._clock,
                instance=instance,
                stages=stages,
                folder=folder,
                restarts=SharedCounts(),
                beats=SharedCounts(),
                supervisor=os.getpid(),
            )
            gc.collect()
            gc.freeze()  # a collection would write to every object, and the processes would no longer share its memory
            self._add(FRONT, partial(self._run_front, shared))
            while self._go_on(shared):
                self._wait(woken)
                self._take_report(shared)
                self._reap(shared)
        if self._topic_errors:
            raise TopicsError(self._topic_errors)
        return self._status

    @contextlib.contextmanager
    def _signals(self) -> Iterator[socket.socket]:
        """Yield a socket that can be read after a signal."""
        woken, wakes = socket.socketpair()
        woken.settimeout(0)
        wakes.settimeout(0)
        signal.set_wakeup_fd(wakes.fileno(), warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield woken
        finally:
            signal.set_wakeup_fd(-1)
            woken.close()
            wakes.close()

    def _stop(self, *_: Any) -> None:
        self._is_stopping = True

    def _add(self, name: str, main: Callable[[socket.socket], int]) -> None:
        self._processes[name] = process = _Process(name, main)
        process.due_s = self._clock.monotonic()

    def _running(self) -> list[_Process]:
        return [each for each in self._processes.values() if each.forked is not None]

    def _go_on(self, shared: Shared) -> bool:
        """Start and stop what is due; return whether there is still something to wait for."""
        now_s = self._clock.monotonic()
        if not self._is_stopping:
            for process in self._processes.values():
                if process.due_s is not None and process.due_s <= now_s:
                    self._start(process, now_s)
            self._kill_hanging(shared, now_s)
            return True
        running = self._running()
        if self._deadline_s is None:
            self._deadline_s = now_s + STOP_SECONDS
            for process in running:
                self._signal(process, signal.SIGTERM)
        stages = [process for process in running if process.name != FRONT]
        if not stages:
            for process in running:
                assert process.forked is not None
                process.forked.link.close()
        if now_s >= self._deadline_s:
            for process in stages or running:
                log.error("%s has not ended within %.0f s and is killed", _subject(process.name), STOP_SECONDS)
                self._signal(process, signal.SIGKILL)
            self._deadline_s = now_s + KILL_SECONDS
        return bool(running)

    def _start(self, process: _Process, now_s: float) -> None:
        links = [each.forked.link for each in self._processes.values() if each.forked is not None]
        process.started_s, process.due_s, process.looks = now_s, None, 0
        closing = links if process.name == FRONT else [*links, *self._sockets]
        try:
            process.forked = fork(process.name, process.main, closing)
        except OSError as error:  # too little memory, or too many processes
            pause_s = self._pause(process)
            log.error("%s cannot be started: %s; it is tried again in %.0f s", _subject(process.name), error, pause_s)  # noqa: TRY400 - one line
            return
        log.debug("%s is process %d", _subject(process.name), process.forked.pid)

    def _pause(self, process: _Process) -> float:
        """Have a process start after a pause, and return its length in seconds."""
        pause_s = process.backoff.next_pause()
        process.due_s = self._clock.monotonic() + pause_s
        return pause_s

    def _kill_hanging(self, shared: Shared, now_s: float) -> None:
        """Every ten seconds, look for event loops that do not turn.

        Looks are counted, not seconds: after the sleep of a laptop, or a stop of the whole worker, they begin again.
        """
        if now_s < self._looks_at_s:
            return
        self._looks_at_s = now_s + LOOK_SECONDS
        for process in self._running():
            if process.name == FRONT:
                continue
            beats, before = shared.beats.of(process.name), process.beats
            process.beats, process.looks = beats, process.looks + 1 if beats == before else 0
            if process.looks >= HANGING_LOOKS:
                seconds = LOOK_SECONDS * HANGING_LOOKS
                log.error("%s hangs: its event loop has not turned for %.0f s", _subject(process.name), seconds)
                self._signal(process, signal.SIGKILL)

    def _signal(self, process: _Process, number: signal.Signals) -> None:
        if process.forked is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.forked.pid, number)

    def _wait(self, woken: socket.socket) -> None:
        """Wait for a signal, for the report of the front, or for the next moment at which something is due."""
        reads = [woken]
        front = self._processes[FRONT].forked
        if front is not None and self._cluster is None and front.link.fileno() >= 0:
            reads.append(front.link)
        due_s = [each.due_s for each in self._processes.values() if each.due_s is not None]
        if self._cluster is not None:
            due_s.append(self._looks_at_s)
        if self._is_stopping:
            due_s = [] if self._deadline_s is None else [self._deadline_s]
        timeout_s = max(0.0, min(due_s) - self._clock.monotonic()) if due_s else None
        ready, _, _ = select.select(reads, [], [], timeout_s)
        if woken in ready:
            with contextlib.suppress(BlockingIOError):
                woken.recv(4096)

    def _take_report(self, shared: Shared) -> None:
        """Start the stages once the front reports that the cluster is prepared."""
        front = self._processes[FRONT].forked
        if front is None or self._cluster is not None or front.link.fileno() < 0:
            return
        try:
            line = front.link.recv(1 << 20)
        except BlockingIOError:
            return
        if not line:
            return
        report = Report.decode(line)
        self._cluster, self._topic_errors = report.cluster, report.errors
        if self._cluster is not None:
            for stage in shared.stages:
                self._add(stage, partial(self._run_stage, stage, shared))

    def _reap(self, shared: Shared) -> None:
        while True:
            try:
                pid, wait_status = os.waitpid(-1, os.WNOHANG)  # as process 1 of a container, it inherits others too
            except ChildProcessError:
                return
            if pid == 0:
                return
            for process in self._running():
                if process.forked is not None and process.forked.pid == pid:
                    self._ended(process, wait_status, shared)

    def _ended(self, process: _Process, wait_status: int, shared: Shared) -> None:
        assert process.forked is not None
        if process.name == FRONT:
            self._take_report(shared)
        process.forked.link.close()
        process.forked = None
        if os.waitstatus_to_exitcode(wait_status) == FAILED:  # it has said why
            self._status, self._is_stopping = FAILED, True
        if self._is_stopping:
            return
        ran_s = self._clock.monotonic() - process.started_s
        if ran_s > STABLE_SECONDS:
            process.backoff.reset()
        pause_s = self._pause(process)
        if process.name != FRONT:
            shared.restarts.add(process.name)
        log.error(
            "%s %s after %.0f s; it starts again in %.0f s",
            _subject(process.name), describe_end(wait_status), ran_s, pause_s,
        )  # fmt: skip

    def _run_front(self, shared: Shared, link: socket.socket) -> int:
        return run_loop(self._settings, lambda stop: run_front(shared, self._sockets, self._cluster, link, stop))

    def _run_stage(self, stage: str, shared: Shared, link: socket.socket) -> int:
        cluster = self._cluster
        assert cluster is not None

        async def main(stop: Any) -> int:
            end_with_supervisor(link)
            if stage == "project":
                os.nice(PROJECT_NICENESS)
            return await work_supervised(stage, shared, cluster, stop)

        return run_loop(self._settings, main)


def _subject(name: str) -> str:
    return "the front" if name == FRONT else f"the process of stage {name}"


@contextlib.contextmanager
def _private_folder(instance: str) -> Iterator[Path]:
    """Yield an empty folder with a short path that only this user can open; it is removed at the end.

    Its name is that of the worker, so that one left behind by a worker that was killed is used again. It is not in the
    data folder, whose path may be too long for a socket.

    Raises:
        FatalError: there is no folder for temporary files, or its path is too long.
    """
    try:
        parent = Path(tempfile.gettempdir())
    except FileNotFoundError as error:
        raise FatalError(f"{error}; set TMPDIR to a folder that this user can write") from error
    if len(os.fsencode(parent)) > LONGEST_PARENT:
        raise FatalError(f"TMPDIR must have at most {LONGEST_PARENT} bytes: got {parent}; set it to a shorter path")
    folder = parent / f"goldstream-{instance}"
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:  # of another user
        folder = Path(tempfile.mkdtemp(prefix="goldstream-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
