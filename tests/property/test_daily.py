"""The daily totals agree with the oracle, which counts them from the whole history, whatever crashes."""

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given, settings

from state.daily import daily_summary
from tests.oracle import Oracle, read_json
from tests.oracle.daily import DailyTotals
from tests.property.folding import PREFIX, Crash, Lane, journal_of
from tests.property.histories.crash_strategies import Way, histories_on_their_way, histories_with_crashes
from tests.property.histories.random_histories import History
from tests.property.profile_comparison import diff_mappings

pytestmark = pytest.mark.timeout(300 if settings().max_examples <= 200 else 0)  # the deep profile has no limit

GAP = 3


@pytest.fixture(autouse=True, scope="module")
def _short_gaps() -> Iterator[None]:
    """Shorten the run of days without events that is published, so that idle years do not cost time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(daily_summary, "LONGEST_GAP", GAP)
        yield


@given(histories_on_their_way())
def test_daily_totals_agree_with_the_oracle(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    lane = Lane(
        journal_of(history.steps, one_topic=way.one_topic, repeats=way.repeats), way.slice_size, publishes_days=True
    )
    lane.run(way.writes, way.recoveries)
    assert differences(lane, history) == []


@given(histories_with_crashes())
def test_crashes_do_not_change_daily_totals(drawn: tuple[History, Way, list[Crash]]) -> None:
    history, way, crashes = drawn
    lane = Lane(
        journal_of(history.steps, one_topic=way.one_topic, repeats=way.repeats), way.slice_size, publishes_days=True
    )
    for crash in crashes:
        lane.crash(crash)
    lane.run(way.writes, way.recoveries)
    assert differences(lane, history) == []


def differences(lane: Lane, history: History) -> list[str]:
    """Return the differences from the oracle; after a day with changes, `GAP` days without any are published too."""
    result = Oracle(PREFIX).run(history.steps)
    totals = DailyTotals(result.daily_notes, result.outputs, result.watermark)
    published = {date.fromisoformat(day): read_json(value) for day, value in lane.written.daily().items()}
    days = {changed_day + timedelta(days=after) for changed_day in totals.changed_days for after in range(GAP + 1)}
    expected = {
        day: totals.totals_of_day(day) for day in published.keys() | {day for day in days if day <= totals.last_day}
    }
    return diff_mappings("daily", published, expected)
