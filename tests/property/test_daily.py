"""What is told of each day, whatever crashes, and what the oracle counts of it from the whole history."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given, settings

from state.daily import daily_summary as told_day
from tests.oracle import Oracle, read_json
from tests.oracle.daily import DailyTotals
from tests.property.crash_strategies import Way, histories_on_their_way, histories_with_crashes
from tests.property.folding import PREFIX, Crash, Lane, journal_of
from tests.property.histories import History
from tests.property.profile_comparison import unlike

pytestmark = pytest.mark.timeout(300 if settings().max_examples <= 200 else 0)  # deep takes as long as it takes

GAP = 3


@pytest.fixture(autouse=True, scope="module")
def _short_gaps() -> Iterator[None]:
    """Years in which nothing happens need not all be told of here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(told_day, "LONGEST_GAP", GAP)
        yield


@given(histories_on_their_way())
def test_what_is_told_of_each_day_is_what_the_whole_history_says(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    lane = Lane(
        journal_of(history.steps, one_topic=way.one_topic, again=way.again), way.slice_size, publishes_days=True
    )
    lane.run(way.writes, way.recoveries)
    assert differences(lane, history) == []


@given(histories_with_crashes())
def test_crashes_change_nothing_of_what_is_told_of_each_day(drawn: tuple[History, Way, list[Crash]]) -> None:
    history, way, crashes = drawn
    lane = Lane(
        journal_of(history.steps, one_topic=way.one_topic, again=way.again), way.slice_size, publishes_days=True
    )
    for crash in crashes:
        lane.crash(crash)
    lane.run(way.writes, way.recoveries)
    assert differences(lane, history) == []


def differences(lane: Lane, history: History) -> list[str]:
    """Where what was told parts from the oracle; days on which nothing happens are told for a little while."""
    result = Oracle(PREFIX).run(history.steps)
    calendar = DailyTotals(result.daily_notes, result.outputs, result.watermark)
    told = {date.fromisoformat(day): read_json(value) for day, value in lane.written.daily().items()}
    days = {turn + timedelta(days=after) for turn in calendar.changed_days for after in range(GAP + 1)}
    expected = {
        day: calendar.totals_of_day(day) for day in told.keys() | {day for day in days if day <= calendar.last_day}
    }
    return unlike("told", told, expected)
