"""Processor time and memory of processes, as the benchmark reads them."""

import os
import sys
import time
from pathlib import Path

import pytest

from agents.demo.embedded.child_process import Child
from bench.testbed.process_usage import (
    processor_seconds,
    processor_seconds_by_name,
    processor_seconds_of_all,
    resident_mib,
    resident_mib_of_all,
)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc exists on Linux only")
def test_this_process_has_used_processor_time() -> None:
    sum(range(3_000_000))
    used = processor_seconds(os.getpid())
    assert used is not None
    assert used > 0


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc exists on Linux only")
def test_child_processes_count_too(tmp_path: Path) -> None:
    child_code = "import time\nwhile time.process_time() < 1: pass"
    parent_code = f"subprocess.run([sys.executable, '-c', {child_code!r}]); print('ended', flush=True); time.sleep(60)"
    program = Child([sys.executable, "-c", "import subprocess, sys, time; " + parent_code], log=tmp_path / "log")
    program.start()
    try:
        deadline = time.monotonic() + 60
        while "ended" not in program.tail() and time.monotonic() < deadline:
            assert program.running
        own, with_children = processor_seconds(program.pid), processor_seconds_of_all(program.pid)
        assert own is not None
        assert with_children is not None
        assert with_children >= own + 0.9  # ticks are hundredths, truncated
    finally:
        program.kill()


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc exists on Linux only")
def test_running_descendants_count_even_in_sessions_of_their_own(tmp_path: Path) -> None:
    """A supervisor's stages: processes of their own, still running, with the names that they gave themselves."""
    grandchild = (
        "import os, sys, time; open('/proc/self/comm', 'w').write('gs-segment')\n"
        "size = bytearray(os.urandom(1 << 20) * 100)\n"
        "while time.process_time() < 1: pass\n"
        "print('busy', flush=True); sys.stdin.read()"  # until its parent ends
    )
    start = f"subprocess.Popen([sys.executable, '-c', {grandchild!r}], stdin=-1, start_new_session=True).wait()"
    program = Child([sys.executable, "-c", f"import subprocess, sys; {start}"], log=tmp_path / "log")
    program.start()
    try:
        deadline = time.monotonic() + 60
        while "busy" not in program.tail() and time.monotonic() < deadline:
            assert program.running
        used, memory = processor_seconds_of_all(program.pid), resident_mib_of_all(program.pid)
        assert used is not None
        assert used >= 0.9
        assert processor_seconds_by_name(program.pid or 0)["gs-segment"] >= 0.9
        assert memory is not None
        assert memory >= 100
        assert (resident_mib_of_all(program.pid, peak=True) or 0) >= memory
    finally:
        program.kill()


def test_a_missing_process_has_no_usage() -> None:
    assert processor_seconds(None) is None
    assert processor_seconds_of_all(None) is None
    assert resident_mib(None) is None
    assert resident_mib_of_all(None) is None


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="/proc exists on Linux only")
def test_freed_memory_counts_in_the_peak_only() -> None:
    allocated = bytearray(os.urandom(1 << 20) * 200)
    full = resident_mib(os.getpid())
    del allocated
    now, peak = resident_mib(os.getpid()), resident_mib(os.getpid(), peak=True)
    assert full is not None
    assert now is not None
    assert peak is not None
    assert now + 150 < full <= peak
