"""A blocked event loop ends its process with status 70, and the log names the place."""

import asyncio
import subprocess
import sys
import threading

import pytest

from streams.engine.loop_watchdog import STUCK_LOOKS, STUCK_STATUS, LoopWatchdog

BLOCKED = """
import asyncio, threading, time
from streams.engine import loop_watchdog
loop_watchdog.LOOK_SECONDS = 0.02
async def main():
    loop_watchdog.LoopWatchdog(asyncio.get_running_loop(), threading.get_ident()).start()
    await asyncio.sleep(0.3)
    hang()
def hang():
    time.sleep(600)
asyncio.run(main())
"""


@pytest.mark.timeout(120)
def test_a_process_whose_loop_is_blocked_ends_with_status_70() -> None:
    ended = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=False, timeout=100)
    assert ended.returncode == STUCK_STATUS
    assert "the event loop has been blocked" in ended.stderr
    assert "hang" in ended.stderr


async def test_a_loop_that_answers_late_is_not_blocked() -> None:
    reasons: list[str] = []
    watchdog = LoopWatchdog(asyncio.get_running_loop(), threading.get_ident(), reasons.append)
    for _ in range(3):
        for _ in range(STUCK_LOOKS):
            watchdog.look()
        await asyncio.sleep(0)
    assert reasons == []
    for _ in range(STUCK_LOOKS + 1):
        watchdog.look()
    assert len(reasons) == 1
