"""What the supervisor does when its processes end, hang or crash. They run no stages here, so nothing needs Kafka."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

_WITHIN_S: Final = 60

# Runs a worker whose front reports at once, and whose stages do what BEHAVIOUR says.
_PROGRAM: Final = """\
import asyncio, os, signal, sys, time
from pathlib import Path
import agents.worker.processes.supervisor as supervisor
from agents.worker.processes.front import Report
from agents.worker.preparation import Cluster
from agents.worker.worker import run_worker
from streams.clock import SYSTEM_CLOCK
from streams.errors import FatalError
from streams.kafka.topics import TopicsError
from streams.settings.settings import Settings
from streams.telemetry.logs import set_up_logging

marks = Path(sys.argv[1])
supervisor.STOP_SECONDS, supervisor.KILL_SECONDS = 0.5, 60.0
supervisor.FIRST_PAUSE_SECONDS = supervisor.MAX_PAUSE_SECONDS = 0.05
{setup}

async def front(shared, sockets, cluster, link, stop):
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(link.fileno(), ended.set)
    (marks / "front").touch()
    {front}
    link.sendall(Report(Cluster(4, "shop")).encode())
    await ended.wait()
    (marks / "front-ended").touch()
    return 0

async def stage(name, shared, cluster, stop):
    runs = len(list(marks.glob(name + "-*")))
    (marks / f"{{name}}-{{runs}}-{{os.getpid()}}").touch()
    assert cluster == Cluster(4, "shop")
    {stage}
    await stop.wait()
    return 0

supervisor.run_front, supervisor.work_supervised = front, stage
set_up_logging(SYSTEM_CLOCK)
settings = Settings(http="127.0.0.1:0", data=marks / "data")
try:
    sys.exit(run_worker(settings))
except TopicsError as error:
    sys.exit("; ".join(error.errors))
"""


class _Worker:
    """A worker that was started, and the marks that its processes leave."""

    def __init__(self, folder: Path, front: str, stage: str, setup: str) -> None:
        self.folder = folder
        program = _PROGRAM.format(front=front, stage=stage, setup=setup)
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, str(folder)], stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    def marks(self, pattern: str) -> list[str]:
        """Return the marks, each of one start of a process."""
        return [path.name for path in self.folder.glob(pattern)]

    def wait_for(self, pattern: str) -> None:
        """Wait for a mark."""
        assert self.process.stderr is not None
        while not self.marks(pattern):
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.02)

    def ended(self) -> tuple[int, str]:
        """Wait for the end; return the status and the log."""
        _, log = self.process.communicate(timeout=_WITHIN_S)
        return self.process.returncode, log

    def stop(self) -> tuple[int, str]:
        """Send SIGTERM to the supervisor, then as `ended`."""
        self.process.send_signal(signal.SIGTERM)
        return self.ended()


class _Start:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.started: list[_Worker] = []

    def __call__(self, front: str = "pass", stage: str = "pass", setup: str = "") -> _Worker:
        worker = _Worker(self.folder, front, stage, setup)
        self.started.append(worker)
        return worker


@pytest.fixture
def start(tmp_path: Path) -> Iterator[_Start]:
    """Start a worker; what is left of it is killed in the end."""
    starting = _Start(tmp_path)
    yield starting
    for worker in starting.started:
        if worker.process.poll() is None:
            os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.communicate()


def test_all_stages_but_project_run_without_redis_and_stop_with_status_0(start: _Start) -> None:
    worker = start()
    worker.wait_for("admit-*")
    worker.wait_for("segment-*")
    status, log = worker.stop()
    assert status == 0
    assert log.splitlines()[-1].endswith("goldstream worker: stopped")
    assert not worker.marks("project-*")
    assert worker.marks("front-ended"), "the front ends by itself, after the stages"


def test_a_crash_is_one_line_and_the_stage_starts_again(start: _Start) -> None:
    worker = start(stage='if name == "admit" and runs == 0: raise ValueError("no such thing")')
    worker.wait_for("admit-1-*")
    status, log = worker.stop()
    assert status == 0
    (crash,) = [line for line in log.splitlines() if "ValueError: no such thing" in line]
    assert "the process of admit crashed" in crash
    assert " stage=admit" in crash
    assert re.search(r"the process of stage admit ended with status 71 after 0 s; it starts again in 0 s", log)
    assert len(worker.marks("segment-*")) == 1


def test_a_stage_that_ends_by_itself_starts_again(start: _Start) -> None:
    worker = start(stage='if name == "segment" and runs == 0: return 0')
    worker.wait_for("segment-1-*")
    status, log = worker.stop()
    assert (status, log.count("the process of stage segment ended with status 0 after")) == (0, 1)


def test_a_fatal_error_of_one_stage_stops_the_others_and_ends_with_1(start: _Start) -> None:
    worker = start(stage='if name == "admit": raise FatalError("wrong key")')
    status, log = worker.ended()
    assert status == 1
    assert len([line for line in log.splitlines() if "wrong key" in line]) == 1
    assert "starts again" not in log
    assert worker.marks("front-ended")


def test_errors_of_topics_reach_the_command(start: _Start) -> None:
    report = 'link.sendall(Report(errors=("topic a is wrong", "topic b is wrong")).encode()); return 1'
    status, log = start(front=report).ended()
    assert status == 1
    assert log.splitlines()[-1] == "topic a is wrong; topic b is wrong"


def test_a_process_that_does_not_stop_in_time_is_killed_with_a_line(start: _Start) -> None:
    worker = start(stage='if name == "segment":\n        while True: time.sleep(1)')
    worker.wait_for("segment-*")
    worker.wait_for("admit-*")
    status, log = worker.stop()
    assert status == 0
    assert "the process of stage segment has not ended within 0 s and is killed" in log
    assert worker.marks("front-ended")


def test_a_stage_whose_event_loop_hangs_is_killed_and_starts_again(start: _Start) -> None:
    beats = """
    async def beat():
        while True:
            shared.beats.add(name)
            await asyncio.sleep(0.01)
    beating = asyncio.create_task(beat())
    if name == "segment" and runs == 0:
        await asyncio.sleep(0.1)
        while True: time.sleep(1)
"""
    worker = start(stage=beats, setup="supervisor.LOOK_SECONDS = 1.0")
    worker.wait_for("segment-1-*")
    status, log = worker.stop()
    assert status == 0
    assert log.count("the process of stage segment hangs: its event loop has not turned for 9 s") == 1
    assert log.count("the process of stage segment was killed by SIGKILL") == 1
    assert "stage admit hangs" not in log


def test_a_process_that_cannot_be_forked_is_tried_again(start: _Start) -> None:
    fails_once = """
forks, fork = [], os.fork
def second_fails():
    forks.append(1)
    if len(forks) == 2: raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()
os.fork = second_fails
"""
    worker = start(setup=fails_once)
    worker.wait_for("admit-*")
    worker.wait_for("segment-*")
    status, log = worker.stop()
    assert status == 0
    assert log.count("cannot be started: [Errno 11] Resource temporarily unavailable; it is tried again in 0 s") == 1


def test_a_signal_before_the_cluster_is_prepared_stops_the_worker(start: _Start) -> None:
    worker = start(front="await stop.wait(); return 0")
    worker.wait_for("front")
    assert worker.stop()[0] == 0
    assert not worker.marks("admit-*")
