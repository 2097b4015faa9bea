"""The rates of tokens."""

from agents.serve.access.rate_limits import RateLimits
from agents.serve.access.scopes import Principal
from tests.lanes.clock import ManualClock


def principal(rate: float | None, of: str = "t1") -> Principal:
    """Return who has this rate."""
    return Principal(of, "till", frozenset({"events:write"}), rate)


def passed(limits: RateLimits, who: Principal, events: int) -> bool:
    """Return whether a request of that many events passes."""
    state = limits.charge(who, events)
    assert state is not None
    return not state.is_over


def test_without_a_rate_there_is_no_limit() -> None:
    assert RateLimits(ManualClock()).charge(principal(None), 10**9) is None


def test_a_second_s_worth_passes_at_once_and_then_the_rate_holds() -> None:
    clock, who = ManualClock(), principal(5)
    limits = RateLimits(clock)
    assert [passed(limits, who, 1) for _ in range(7)] == [True] * 5 + [False] * 2
    clock.advance(0.2)
    assert [passed(limits, who, 1) for _ in range(2)] == [True, False]
    clock.advance(3600)
    assert [passed(limits, who, 1) for _ in range(6)] == [True] * 5 + [False]


def test_a_batch_above_the_rate_passes_and_is_paid_off() -> None:
    clock, who = ManualClock(), principal(10)
    limits = RateLimits(clock)
    assert passed(limits, who, 100)
    state = limits.charge(who, 1)
    assert state is not None
    assert (state.is_over, state.wait_s) == (True, 10)
    clock.advance(9)
    assert not passed(limits, who, 1)
    clock.advance(0.2)
    assert passed(limits, who, 1)


def test_a_rate_below_one_event_per_second_is_possible() -> None:
    clock, who = ManualClock(), principal(0.1)
    limits = RateLimits(clock)
    assert [passed(limits, who, 1) for _ in range(2)] == [True, False]
    clock.advance(10)
    assert passed(limits, who, 1)


def test_tokens_have_rates_of_their_own() -> None:
    limits = RateLimits(ManualClock())
    assert passed(limits, principal(1, "t1"), 1)
    assert passed(limits, principal(1, "t2"), 1)
    assert not passed(limits, principal(1, "t1"), 1)


def test_the_fields_say_what_is_left_and_when_there_is_more() -> None:
    limits = RateLimits(ManualClock())
    state = limits.charge(principal(5), 2)
    assert state is not None
    assert state.headers == {"RateLimit-Policy": '"t1";q=5;w=1', "RateLimit": '"t1";r=3;t=1'}
