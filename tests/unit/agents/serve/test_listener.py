"""What streams write, and when: each four times a second at most, at moments of its own."""

import asyncio
from collections import Counter
from itertools import pairwise

import pytest

from agents.serve.lookups.changes.listener import MAX_PENDING_BYTES, WRITE_SECONDS, Listener
from tests.lanes.clock import ManualClock

STEP_S = 0.005


class _Client:
    """Reads what a listener is written, and notes when."""

    def __init__(self, clock: ManualClock) -> None:
        self.listener = Listener(None, clock)
        self.writes: list[tuple[float, bytes]] = []
        self.task = asyncio.create_task(self._read(clock))

    async def _read(self, clock: ManualClock) -> None:
        async for chunk in self.listener.chunks():
            self.writes.append((clock.now_s, chunk))


async def _let_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def _advance(clock: ManualClock, seconds: float) -> None:
    for _ in range(round(seconds / STEP_S)):
        clock.advance(STEP_S)
        await _let_run()


async def test_clients_are_written_to_at_moments_of_their_own_and_four_times_a_second_at_most() -> None:
    clock = ManualClock()
    clients = [_Client(clock) for _ in range(200)]
    for number in range(40):  # two seconds
        for client in clients:
            client.listener.push(b"%d " % number)
        await _advance(clock, 0.05)
    for client in clients:
        client.listener.end()
    await _advance(clock, WRITE_SECONDS)
    await asyncio.gather(*(client.task for client in clients))
    for client in clients:
        assert b"".join(chunk for _, chunk in client.writes) == b"".join(b"%d " % number for number in range(40))
        moments = [moment for moment, _ in client.writes[:-1]]  # the last one is that of the end
        assert all(b - a >= WRITE_SECONDS - 2 * STEP_S for a, b in pairwise(moments))
    at_once = Counter(moment for client in clients for moment, _ in client.writes[:-1])
    assert max(at_once.values()) < 40  # of 200 in each of 50 steps: 4 on average


async def test_idle_clients_are_not_all_written_to_when_something_arrives() -> None:
    clock = ManualClock()
    clients = [_Client(clock) for _ in range(100)]
    await _advance(clock, 3)
    for client in clients:
        client.listener.push(b"change")
    await _let_run()
    assert not any(client.writes for client in clients)
    await _advance(clock, WRITE_SECONDS + STEP_S)
    assert all([chunk for _, chunk in client.writes] == [b"change"] for client in clients)
    assert len({moment for client in clients for moment, _ in client.writes}) > 25
    for client in clients:
        client.task.cancel()


@pytest.mark.parametrize("size", [1, MAX_PENDING_BYTES])
async def test_a_client_that_does_not_read_is_dropped_once_too_much_waits_for_it(size: int) -> None:
    listener, dropped = Listener(None, ManualClock()), list[bool]()
    listener.on_drop = lambda: dropped.append(True)
    listener.push(b"x" * size)
    assert not dropped
    listener.push(b"x" * MAX_PENDING_BYTES)
    listener.push(b"x" * MAX_PENDING_BYTES)
    assert dropped == [True]
