"""`ChangeJson` writes a change as the document that msgspec would write."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from state.records.outputs import ScoreChange, SegmentChanged, SegmentMove, to_segment_change
from state.units.timestamps import format_ms
from streams.wire.change_json import ChangeJson

_WORDS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
_MOMENTS = st.integers(0, 7_258_118_400_000 - 1)
_MOVES = st.builds(
    SegmentMove,
    from_segment=_WORDS | st.just(""),
    to_segment=_WORDS,
    from_cell=st.sampled_from(["", "000", "333", "1021"]),
    to_cell=st.sampled_from(["000", "333", "1021"]),
    why=st.lists(
        st.builds(
            ScoreChange,
            st.sampled_from(["recency_days", "monetary"]),
            st.integers(1, 99) | st.just(0.5),
            *[st.just(2)] * 2,
        ),
        max_size=3,
    ).map(tuple),
    policy=_WORDS,
    currency=st.sampled_from(["RUB", "JPY", "KWD"]),
    digits=st.sampled_from([0, 2, 3]),
)
_CHANGES = st.builds(
    SegmentChanged,
    customer_id=_WORDS,
    seq=st.integers(1, 10**9),
    move=_MOVES,
    at=_MOMENTS,
    kind=st.sampled_from(["purchase", "time", "policy"]),
    event_id=st.none() | _WORDS,
    backfill=st.booleans(),
    frequency=st.integers(0, 10**6),
    monetary=st.integers(-(10**16), 10**16),
    last_order_at=st.none() | _MOMENTS,
)


@given(st.lists(_CHANGES, min_size=1, max_size=3))
def test_change_json_writes_the_same_document_as_msgspec(changes: list[SegmentChanged]) -> None:
    by_hand = ChangeJson()
    for change in [*changes, *changes]:
        written = by_hand.encode(change, format_ms(change.at))
        assert msgspec.json.decode(written) == msgspec.json.decode(msgspec.json.encode(to_segment_change(change)))
        assert list(msgspec.json.decode(written)) == list(
            msgspec.json.decode(msgspec.json.encode(to_segment_change(change)))
        )
