"""A condition that persists is logged at once, then once per interval, and at once when it returns."""

from streams.telemetry.log_throttle import REPEAT_SECONDS, LogThrottle
from tests.lanes.clock import ManualClock


def test_a_line_is_logged_at_once_then_once_a_minute_until_a_reset() -> None:
    clock = ManualClock(0)
    throttle = LogThrottle(clock)

    def logged_at(seconds: float) -> bool:
        clock.now_s = seconds
        return throttle.should_log()

    moments = (0.0, 1.0, REPEAT_SECONDS - 0.1, REPEAT_SECONDS, REPEAT_SECONDS + 1)
    assert [logged_at(moment) for moment in moments] == [True, False, False, True, False]
    throttle.reset()
    assert logged_at(REPEAT_SECONDS + 2)


def test_another_subject_is_logged_at_once() -> None:
    throttle = LogThrottle(ManualClock())
    assert [throttle.should_log(subject) for subject in ("a", "a", "b", "b", "a")] == [True, False, True, False, True]


def test_a_skipped_line_is_logged_an_interval_later() -> None:
    clock = ManualClock()
    throttle = LogThrottle(clock, 15.0)
    throttle.skip()
    assert not throttle.should_log()
    clock.advance(15)
    assert throttle.should_log()
