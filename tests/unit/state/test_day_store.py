"""Daily totals: the day of a moment, the stored totals of a day, and how unusual records are restored."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from state.config.policy import Policy
from state.config.policy_reader import parse_policy
from state.daily.daily_summary import is_published, unpublished_days
from state.daily.day_counter import MAX_SOURCES, OTHER_SOURCE, DayCounter
from state.daily.day_store import DayStore, is_day_key
from state.daily.day_totals import FORMAT, decode_day, encode_day, peek_counted_to
from state.records.events import AnonymousSale, CustomerSignedUp, UnknownFormatVersion
from state.units.local_days import LocalDays, format_day
from streams.defaults import policy_text
from streams.tables.customers_table import FENCE_KEY
from tests.oracle import moments, read_json
from tests.oracle.campaigns.quiet_hours import zone

NOON: Final = moments.parse("2026-05-12T12:00:00Z")
DAY_MS: Final = moments.DAY_MS
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
DAY_OF_FORMAT_1: Final = (
    "01dc0014930703a16380000081a6676f6c64656e94000002cd01f400000000000000000100008292a877696e2d6261636ba473656e740392a8"
    "77696e2d6261636ba363617001800200"
)
"""Commit 76094a6, the last one to write format 1 of a day, wrote this."""


@pytest.fixture
def policy() -> Policy:
    return parse_policy(policy_text())


@pytest.mark.parametrize(
    ("name", "around"),
    [
        ("UTC", "2026-05-12T00:00:00Z"),
        ("Europe/Moscow", "2026-05-11T21:00:00Z"),
        ("America/Havana", "2025-11-02T05:00:00Z"),  # midnight occurs twice
        ("America/St_Johns", "2006-10-29T02:31:00Z"),  # one minute of Sunday, then the last hour of Saturday again
        ("Pacific/Apia", "2011-12-30T10:00:00Z"),  # no Friday
        ("America/Sao_Paulo", "2018-11-04T03:00:00Z"),  # no midnight
        ("Asia/Kathmandu", "2026-05-11T18:15:00Z"),
    ],
)
def test_the_day_of_a_moment_is_its_local_date(name: str, around: str) -> None:
    days, middle_ms = LocalDays(name), moments.parse(around)
    for minutes in range(-26 * 60, 26 * 60, 7):
        for at in (middle_ms + minutes * 60_000 - 1, middle_ms + minutes * 60_000):
            begin, end, day = days.bounds_and_day(at)
            assert begin <= at < end
            for moment_ms in (begin, at, end - 1):
                shown = (EPOCH + timedelta(milliseconds=moment_ms)).astimezone(zone(name)).date()
                assert format_day(day) == shown.isoformat()
            day_begin, day_end = days.bounds(day)
            assert day_begin <= begin
            assert end <= day_end


def sign_up(daily: DayCounter, source: str | None, number: int) -> None:
    event = CustomerSignedUp(
        "signups", 0, number, f"e{number}", NOON, False, source, None, None, None, None, None, None, None
    )
    daily.count_new_customer(event, NOON)


def next_summary(days: DayStore, daily: DayCounter, policy: Policy) -> dict[str, Any]:
    """Return the daily summary that would be published next."""
    daily.flush((1, -1, ""))
    ((_, value),) = unpublished_days(days, NOON // DAY_MS, policy)
    return read_json(value)  # type: ignore[no-any-return]  # it is an object


def test_signup_sources_beyond_the_maximum_number_count_as_other(policy: Policy) -> None:
    days = DayStore()
    daily = DayCounter(days)
    for number in range(MAX_SOURCES):
        sign_up(daily, f"s{number}", number)
    sign_up(daily, "s0", 1000)
    sign_up(daily, "one more", 1001)
    sign_up(daily, None, 1002)
    sources = next_summary(days, daily, policy)["new"]["signup"]
    assert sources["s0"] == 2
    assert sources[OTHER_SOURCE] == 2
    assert len(sources) == MAX_SOURCES + 1


def test_a_signup_source_with_a_very_long_name_counts_as_other(policy: Policy) -> None:
    days = DayStore()
    daily = DayCounter(days)
    sign_up(daily, "x" * 60_000, 0)
    sign_up(daily, None, 1)
    assert next_summary(days, daily, policy)["new"]["signup"] == {OTHER_SOURCE: 1, "none": 1}


def test_the_marker_record_of_a_replay_is_not_counted_as_a_sale() -> None:
    days = DayStore()
    daily = DayCounter(days)
    daily.count_anonymous_sale(AnonymousSale("purchases", 0, 7, "", 0, True, "purchase", 0, 0))
    assert daily.flush((8, -1, "")) == []
    daily.count_anonymous_sale(AnonymousSale("purchases", 0, 8, "e", NOON, False, "purchase", 0, 0))
    assert len(daily.flush((9, -1, ""))) == 1


def test_an_older_record_of_a_replaced_worker_is_ignored() -> None:
    days = DayStore()
    daily = DayCounter(days)
    written = []
    for number in range(2):
        sign_up(daily, "web", number)
        written += daily.flush((number + 1, -1, ""))
    (key, older), (_, newer) = written
    restored = DayStore()
    for value in (newer, older):
        restored.restore(key, value)
    restored.finish_restore()
    assert restored.counted_to == (2, -1, "")
    day = restored.read_flushed(NOON // DAY_MS)
    assert day is not None
    assert day.signups == {"web": 2}


def test_a_day_that_changes_after_its_publication_is_published_again(policy: Policy) -> None:
    days, restored = DayStore(), DayStore()
    daily, today = DayCounter(days), NOON // DAY_MS
    sign_up(daily, "web", 0)
    records = daily.flush((1, -1, ""))
    records.append(days.mark_published(1, today))
    for key, value in records:
        restored.restore(key, value)
    restored.finish_restore()
    assert is_published(restored, today)
    assert list(unpublished_days(restored, today, policy)) == []
    sign_up(daily, "web", 1)
    for key, value in daily.flush((2, -1, "")):
        restored.restore(key, value)
    restored.finish_restore()
    assert not is_published(restored, today)
    assert [day for day, _ in unpublished_days(restored, today + 1, policy)] == [today + 1, today]


def test_an_unknown_version_is_an_error_for_a_day_and_ignored_for_a_mark() -> None:
    days = DayStore()
    daily = DayCounter(days)
    sign_up(daily, "web", 0)
    ((key, value),) = daily.flush((1, -1, ""))
    assert value is not None
    with pytest.raises(UnknownFormatVersion):
        DayStore().restore(key, b"\x09" + value[1:])
    mark_key, _ = days.mark_published(1, NOON // DAY_MS)
    restored = DayStore()
    restored.restore(key, value)
    restored.restore(mark_key, b"\x09")
    restored.finish_restore()
    assert not is_published(restored, NOON // DAY_MS)


def test_keys_of_days_differ_from_all_other_keys() -> None:
    days = DayStore()
    daily = DayCounter(days)
    sign_up(daily, "web", 0)
    ((key, _),) = daily.flush((1, -1, ""))
    chunk_of_a_day = b"\xff" + b"day\x80\x00\x50\x12" + b"c"
    assert [is_day_key(each) for each in (key, days.mark_published(1, 0)[0])] == [True, True]
    assert [is_day_key(each) for each in (b"day", FENCE_KEY, chunk_of_a_day)] == [False] * 3


def test_a_day_of_format_1_is_still_read() -> None:
    """Its messages have no step; what is written next has the current format."""
    value = bytes.fromhex(DAY_OF_FORMAT_1)
    day = decode_day(value)
    assert peek_counted_to(value) == day.counted_to == (7, 3, "c")
    assert day.messages == {("win-back", "sent", 0): 3, ("win-back", "cap", 0): 1}
    assert (day.purchases, day.buyers, day.reachable) == ({"golden": [0, 0, 2, 500]}, 1, 2)
    assert encode_day(day)[0] == FORMAT > value[0]
    assert decode_day(encode_day(day)).fields == day.fields


@pytest.mark.parametrize("version", [0, FORMAT + 1, 255])
def test_a_day_of_an_unknown_format_is_refused(version: int) -> None:
    value = bytes([version]) + bytes.fromhex(DAY_OF_FORMAT_1)[1:]
    for decode in (decode_day, peek_counted_to):
        with pytest.raises(UnknownFormatVersion, match=f"format version {version}"):
            decode(value)
