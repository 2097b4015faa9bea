"""What goes on for long is said at once, then once a minute, and again at once when it has come back."""

import time

import pytest

from streams.telemetry.log_throttle import SAID_AGAIN_SECONDS, OnceAMinute


def test_it_is_said_at_once_then_once_a_minute_and_anew_when_it_was_over(monkeypatch: pytest.MonkeyPatch) -> None:
    trouble = OnceAMinute()

    def said_at(seconds: float) -> bool:
        monkeypatch.setattr(time, "monotonic", lambda: seconds)
        return trouble.may_say()

    moments = (0.0, 1.0, SAID_AGAIN_SECONDS - 0.1, SAID_AGAIN_SECONDS, SAID_AGAIN_SECONDS + 1)
    assert [said_at(moment) for moment in moments] == [True, False, False, True, False]
    trouble.over()
    assert said_at(SAID_AGAIN_SECONDS + 2)
