"""Ctrl-C and other signals while the demo runs."""

import asyncio
import os
import signal

import pytest

from agents.demo.interrupts import Interrupted, run_interruptible, run_until_interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_first_signal_cancels_work_and_later_ones_allow_its_cleanup(number: signal.Signals) -> None:
    cleaned = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.sleep(60)
        finally:
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.01)
            cleaned.append(True)

    with pytest.raises(Interrupted, match=number.name) as raised:
        await run_interruptible(work())
    assert raised.value.status == 128 + number
    assert cleaned == [True]


async def test_the_result_or_error_of_finished_work_is_passed_on() -> None:
    async def works() -> int:
        return 7

    async def fails() -> None:
        raise ValueError("no")

    assert await run_interruptible(works()) == 7
    with pytest.raises(ValueError, match="no"):
        await run_interruptible(fails())
    with pytest.raises(ValueError, match="no"):
        await run_until_interrupted(fails())


async def test_a_signal_can_be_the_normal_end() -> None:
    cleaned = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    await run_until_interrupted(work())
    assert cleaned == [True]
