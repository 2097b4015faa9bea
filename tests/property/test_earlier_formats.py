"""A lane continues from a table and a journal that an earlier version wrote as if it had written them itself.

The bytes are made here from those of this version. That the earlier version wrote such bytes is tested with real ones:
in tests/unit/state/test_formats.py, tests/unit/state/test_events.py and tests/fault/upgrade.
"""

from typing import Any, Final

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from state.customer.profile import FORMAT, Profile, decode_profile
from state.customer.profile_format_3 import FORMAT_3
from state.records.events import FORMAT_VERSION, UnknownFormatVersion
from streams.errors import FatalError
from streams.tables.customers_table import is_chunk
from tests.oracle import Oracle
from tests.property.folding import NUMBER, PREFIX, TOPICS, Entry, Lane, journal_of
from tests.property.histories.crash_strategies import ways
from tests.property.histories.draws import between
from tests.property.histories.random_histories import History, histories, in_earlier_format
from tests.property.profile_comparison import diff_mappings, differences, records_of, state_of

pytestmark = pytest.mark.timeout(300 if settings().max_examples <= 200 else 0)

_ENGAGEMENT: Final = Profile.__slots__.index("engagement")


@st.composite
def upgraded_histories(draw: st.DrawFn) -> tuple[History, int]:
    """Draw a history whose first steps were journaled by the earlier version, and their number."""
    history = draw(histories())
    cut = between(draw, 1, len(history.steps))
    steps = [in_earlier_format(step) for step in history.steps[:cut]]
    return History(history.rulebook, (*steps, *history.steps[cut:])), cut


def in_format_3(value: bytes) -> bytes:
    """Return a profile that the earlier version might have written, in its format."""
    fields: list[Any] = list(decode_profile(value).fields)
    assert fields.pop() == 0, "no event of an earlier format has a horizon"
    engagement = fields[_ENGAGEMENT]
    if engagement is not None:
        assert engagement.silence is None
        assert set(engagement.dead_channels.values()) <= {None}, "no bounce of an earlier format has a moment"
        fields[_ENGAGEMENT] = [
            *(engagement.last_entries, engagement.control_entries, engagement.trigger_tags, engagement.messages),
            *(list(engagement.dead_channels), None),
        ]
    return bytes([FORMAT_3]) + msgspec.msgpack.encode(fields)


def rewrite_table_in_format_3(lane: Lane) -> None:
    """Write everything, and every profile again as the earlier version would have."""
    lane.write()
    for key, value in lane.written.changelog.items():
        if not is_chunk(key):
            lane.written.broker.append(TOPICS.customers, NUMBER, key, in_format_3(value), None)


@given(upgraded_histories(), st.data())
def test_a_lane_continues_from_a_table_of_format_3(drawn: tuple[History, int], data: st.DataObject) -> None:
    history, cut = drawn
    way = data.draw(ways(len(history.steps)))
    uncut = Lane(journal_of(history.steps)).run()
    lane = Lane(journal_of(history.steps), way.slice_size).run(end=_end_of(history, cut))
    engagements = [profile.engagement for profile in lane.written.profiles().values()]
    assume(all(each is None or each.silence is None for each in engagements))  # its beginning would be an estimate
    rewrite_table_in_format_3(lane)
    lane.recover()
    assert {value[0] for key, value in lane.written.changelog.items() if not is_chunk(key)} <= {FORMAT_3}
    lane.run(way.writes, way.recoveries)
    assert records_of(lane) == records_of(uncut)
    assert diff_mappings("written", state_of(lane), state_of(uncut)) == []
    assert differences(lane, Oracle(PREFIX).run(history.steps)) == []


def _end_of(history: History, cut: int) -> int:
    """Return the offset in the journal after the first steps."""
    return len(journal_of(history.steps[:cut]))


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1])
def test_a_lane_stops_at_a_journal_record_of_an_unknown_format(version: int) -> None:
    lane = Lane([Entry("a", bytes([version]) + b"\x90")])
    with pytest.raises(UnknownFormatVersion, match=f"format version {version}, which this program does not know"):
        lane.run()


@pytest.mark.parametrize("version", [2, FORMAT + 1])
def test_a_lane_stops_at_a_table_of_an_unknown_format(version: int) -> None:
    lane = Lane([])
    lane.written.broker.append(TOPICS.customers, NUMBER, b"a", bytes([version]) + b"\x90", None)
    with pytest.raises(FatalError, match=f"format version {version}, which this program does not know"):
        lane.recover()
