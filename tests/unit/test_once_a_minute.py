"""What goes on for long is said at once, then once a minute, and again at once when it has come back."""

import time

import pytest

from streams.telemetry.log_throttle import REPEAT_SECONDS, LogThrottle


def test_it_is_said_at_once_then_once_a_minute_and_anew_when_it_was_over(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = LogThrottle()

    def said_at(seconds: float) -> bool:
        monkeypatch.setattr(time, "monotonic", lambda: seconds)
        return trouble.should_log()

    moments = (0.0, 1.0, REPEAT_SECONDS - 0.1, REPEAT_SECONDS, REPEAT_SECONDS + 1)
    assert [said_at(moment) for moment in moments] == [True, False, False, True, False]
    trouble.reset()
    assert said_at(REPEAT_SECONDS + 2)
