"""Fetches come at once while there are few, and at even distances while there are many."""

import pytest

from streams.engine.fetch_pace import FetchPace, FetchPacer
from tests.lanes.clock import ManualClock


def begins(pace: FetchPace, wanted_ms: list[int]) -> list[int]:
    """Return when each fetch is sent that is wanted at these times, in milliseconds."""
    clock, sent = ManualClock(now_s=0.0), list[int]()
    pacer = FetchPacer(pace, clock)
    for at_ms in wanted_ms:
        clock.now_s = max(clock.now_s, at_ms / 1000)
        clock.now_s += pacer.next_delay()
        sent.append(round(clock.now_s * 1000))
    return sent


@pytest.mark.parametrize("burst", [0, 5])
def test_fetches_that_are_wanted_less_often_than_the_pace_are_sent_at_once(burst: int) -> None:
    wanted = [0, 10, 20, 30, 45, 55]
    assert begins(FetchPace(0.010, burst), wanted) == wanted


def test_without_a_burst_no_two_fetches_are_closer_than_the_pace() -> None:
    assert begins(FetchPace(0.010), [100, 101, 102, 150]) == [100, 110, 120, 150]


def test_a_burst_after_a_pause_is_sent_at_once_and_then_the_pace_holds() -> None:
    assert begins(FetchPace(0.010, burst=3), [100] * 7) == [100, 100, 100, 100, 110, 120, 130]


def test_a_long_pause_earns_no_more_than_the_burst() -> None:
    assert begins(FetchPace(0.010, burst=1), [0, 60_000, 60_000, 60_000]) == [0, 60_000, 60_000, 60_010]
