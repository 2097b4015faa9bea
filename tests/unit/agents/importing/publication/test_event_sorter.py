"""Events are sorted whether or not they fit into memory."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.importing.event_sorter import EventSorter
from agents.importing.events.imported_event import ImportedEvent

EVENTS = st.lists(
    st.builds(
        ImportedEvent,
        st.sampled_from(["purchase", "refund", "signup"]),
        st.integers(-(2**40), 2**40),
        st.text(max_size=3),
        st.text(max_size=3),
        st.binary(max_size=20),
        st.integers(1, 5),
        st.none() | st.integers(0, 10**15),
    ),
    max_size=30,
)


@pytest.mark.parametrize("memory_bytes", [1, 600, 1 << 20])
@given(events=EVENTS)
def test_events_are_yielded_by_number_and_those_of_one_number_in_their_order(
    memory_bytes: int, events: list[ImportedEvent]
) -> None:
    with EventSorter(memory_bytes) as sorter:
        for event in events:
            sorter.add(event.line, event)
        assert list(sorter) == sorted(events, key=lambda event: event.line)
