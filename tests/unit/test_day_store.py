"""The totals of the days: which day a moment lies in, what is kept of a day, and what becomes of odd records."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from state.config.policy import Policy, parse_policy
from state.daily.daily_summary import is_published, unpublished_days
from state.daily.day_counter import MAX_SOURCES, OTHER_SOURCE, DayCounter
from state.daily.day_store import DayStore, is_day_key
from state.records.events import AnonymousSale, CustomerSignedUp, UnknownFormatVersion
from state.units.local_days import LocalDays, format_day
from streams.defaults import policy_text
from streams.tables.customers_table import FENCE_KEY
from tests.oracle import moments, read_json
from tests.oracle.quiet_hours import zone

NOON: Final = moments.parse("2026-05-12T12:00:00Z")
DAY_MS: Final = moments.DAY_MS
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture
def policy() -> Policy:
    return parse_policy(policy_text())


@pytest.mark.parametrize(
    ("name", "about"),
    [
        ("UTC", "2026-05-12T00:00:00Z"),
        ("Europe/Moscow", "2026-05-11T21:00:00Z"),
        ("America/Havana", "2025-11-02T05:00:00Z"),  # midnight comes twice
        ("America/St_Johns", "2006-10-29T02:31:00Z"),  # a minute of Sunday, and the last hour of Saturday once more
        ("Pacific/Apia", "2011-12-30T10:00:00Z"),  # no Friday
        ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),  # no midnight
        ("Asia/Kathmandu", "2026-05-11T18:15:00Z"),
    ],
)
def test_a_moment_lies_in_the_day_that_the_clock_on_the_wall_shows(name: str, about: str) -> None:
    days, middle = LocalDays(name), moments.parse(about)
    for minutes in range(-26 * 60, 26 * 60, 7):
        for at in (middle + minutes * 60_000 - 1, middle + minutes * 60_000):
            begins, ends, day = days.bounds_and_day(at)
            assert begins <= at < ends
            for each in (begins, at, ends - 1):
                shown = (EPOCH + timedelta(milliseconds=each)).astimezone(zone(name)).date()
                assert format_day(day) == shown.isoformat()
            first, beyond = days.bounds(day)
            assert first <= begins
            assert ends <= beyond


def sign_up(daily: DayCounter, source: str | None, number: int) -> None:
    event = CustomerSignedUp(
        "signups", 0, number, f"e{number}", NOON, False, source, None, None, None, None, None, None, None
    )
    daily.count_new_customer(event, NOON)


def told(days: DayStore, daily: DayCounter, policy: Policy) -> dict[str, Any]:
    """What is told of the day."""
    daily.flush((1, -1, ""))
    ((_, value),) = unpublished_days(days, NOON // DAY_MS, policy)
    return read_json(value)  # type: ignore[no-any-return]  # it is an object


def test_sources_of_signups_are_told_apart_up_to_a_number_and_a_length(policy: Policy) -> None:
    days = DayStore()
    daily = DayCounter(days)
    for number in range(MAX_SOURCES):
        sign_up(daily, f"s{number}", number)
    sign_up(daily, "s0", 1000)
    sign_up(daily, "one more", 1001)
    sign_up(daily, None, 1002)
    sources = told(days, daily, policy)["new"]["signup"]
    assert sources["s0"] == 2
    assert sources[OTHER_SOURCE] == 2
    assert len(sources) == MAX_SOURCES + 1


def test_a_source_without_end_is_no_source_of_its_own(policy: Policy) -> None:
    days = DayStore()
    daily = DayCounter(days)
    sign_up(daily, "x" * 60_000, 0)
    sign_up(daily, None, 1)
    assert told(days, daily, policy)["new"]["signup"] == {OTHER_SOURCE: 1, "none": 1}


def test_the_mark_of_a_replay_is_no_sale() -> None:
    days = DayStore()
    daily = DayCounter(days)
    daily.count_anonymous_sale(AnonymousSale("purchases", 0, 7, "", 0, True, "purchase", 0, 0))
    assert daily.flush((8, -1, "")) == []
    daily.count_anonymous_sale(AnonymousSale("purchases", 0, 8, "e", NOON, False, "purchase", 0, 0))
    assert len(daily.flush((9, -1, ""))) == 1


def test_what_a_replaced_worker_wrote_behind_a_newer_record_does_not_count() -> None:
    days = DayStore()
    daily = DayCounter(days)
    written = []
    for number in range(2):
        sign_up(daily, "web", number)
        written += daily.flush((number + 1, -1, ""))
    (key, older), (_, newer) = written
    found = DayStore()
    for value in (newer, older):
        found.restore(key, value)
    found.finish_restore()
    assert found.counted_to == (2, -1, "")
    day = found.read_flushed(NOON // DAY_MS)
    assert day is not None
    assert day.signups == {"web": 2}


def test_what_was_counted_after_the_last_note_is_told_again(policy: Policy) -> None:
    days, found = DayStore(), DayStore()
    daily, today = DayCounter(days), NOON // DAY_MS
    sign_up(daily, "web", 0)
    records = daily.flush((1, -1, ""))
    records.append(days.mark_published(1, today))
    for key, value in records:
        found.restore(key, value)
    found.finish_restore()
    assert is_published(found, today)
    assert list(unpublished_days(found, today, policy)) == []
    sign_up(daily, "web", 1)
    for key, value in daily.flush((2, -1, "")):
        found.restore(key, value)
    found.finish_restore()
    assert not is_published(found, today)
    assert [day for day, _ in unpublished_days(found, today + 1, policy)] == [today + 1, today]


def test_a_day_of_a_version_that_is_not_known_is_refused_and_such_a_note_is_passed_over() -> None:
    days = DayStore()
    daily = DayCounter(days)
    sign_up(daily, "web", 0)
    ((key, value),) = daily.flush((1, -1, ""))
    assert value is not None
    with pytest.raises(UnknownFormatVersion):
        DayStore().restore(key, b"\x09" + value[1:])
    note, _ = days.mark_published(1, NOON // DAY_MS)
    found = DayStore()
    found.restore(key, value)
    found.restore(note, b"\x09")
    found.finish_restore()
    assert not is_published(found, NOON // DAY_MS)


def test_keys_of_days_are_no_keys_of_anything_else() -> None:
    days = DayStore()
    daily = DayCounter(days)
    sign_up(daily, "web", 0)
    ((key, _),) = daily.flush((1, -1, ""))
    chunk_of_a_day = b"\xff" + b"day\x80\x00\x50\x12" + b"c"
    assert [is_day_key(each) for each in (key, days.mark_published(1, 0)[0])] == [True, True]
    assert [is_day_key(each) for each in (b"day", FENCE_KEY, chunk_of_a_day)] == [False] * 3
