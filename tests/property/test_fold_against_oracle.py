"""The fold and the oracle, which computes everything from the whole history, say the same of any history."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings

from state.customer import order_chunks as order_book
from state.customer import orders
from state.customer import packed_orders as plain_orders
from state.customer.profile import encode_profile
from state.records.events import Tick
from state.units.timestamps import NEVER
from tests.oracle import Oracle
from tests.property.crash_strategies import (
    Way,
    histories_on_their_way,
    histories_with_crashes,
    histories_with_ticks,
    shuffled_histories,
)
from tests.property.folding import PREFIX, Crash, Lane, journal_of
from tests.property.histories import History
from tests.property.history_builder import LAST_MS, Step
from tests.property.profile_comparison import Record, differences, facts_of, output_of, records_of, state_of, unlike

pytestmark = pytest.mark.timeout(300 if settings().max_examples <= 200 else 0)  # deep takes as long as it takes

TRIED: Counter[str] = Counter()
"""How many histories each property was tried on."""


@contextmanager
def chunks_of(chunk_orders: int) -> Iterator[None]:
    """Histories are long, and written in chunks, from a few orders on; 0 leaves that as it is."""
    with pytest.MonkeyPatch.context() as patch:
        if chunk_orders:
            patch.setattr(order_book, "CHUNK_ORDERS", chunk_orders)
            for module in (order_book, orders, plain_orders):
                patch.setattr(module, "LONG_HISTORY", 2 * chunk_orders)
        yield


def folded(history: History, way: Way) -> Lane:
    """A history folded on its way."""
    with chunks_of(way.chunk_orders):
        lane = Lane(journal_of(history.steps, one_topic=way.one_topic, again=way.again), way.slice_size)
        return lane.run(way.writes, way.recoveries)


@given(histories_on_their_way())
def test_what_is_kept_event_by_event_is_what_the_whole_history_says(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    TRIED["incremental equals batch"] += 1
    assert differences(folded(history, way), Oracle(PREFIX).run(history.steps)) == []


@given(shuffled_histories())
def test_the_order_of_arrival_within_a_window_does_not_matter(drawn: tuple[History, Sequence[Step]]) -> None:
    history, shuffled = drawn
    TRIED["permutations end equal"] += 1
    lane = Lane(journal_of(shuffled)).run()
    assert _without(lane, "seq", "since") == _without(Lane(journal_of(history.steps)).run(), "seq", "since")
    assert differences(lane, Oracle(PREFIX).run(shuffled)) == []


def _without(lane: Lane, *names: str) -> dict[str, dict[str, Any]]:
    """Everyone's facts, but for some."""
    facts = {customer_id: facts_of(profile) for customer_id, profile in lane.written.profiles().items()}
    return {each: {name: fact for name, fact in known.items() if name not in names} for each, known in facts.items()}


@given(histories_on_their_way())
def test_cutting_writing_and_resuming_anywhere_change_nothing(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    TRIED["cuts change nothing"] += 1
    uncut = Lane(journal_of(history.steps, one_topic=way.one_topic, again=way.again)).run()
    lane = folded(history, way)
    assert records_of(lane) == records_of(uncut)
    assert unlike("written", state_of(lane), state_of(uncut)) == []
    assert (lane.duplicates, lane.dropped) == (uncut.duplicates, uncut.dropped)


@given(histories_with_crashes())
def test_after_crashes_outputs_are_repeated_identically_and_none_is_missing(
    drawn: tuple[History, Way, list[Crash]],
) -> None:
    history, way, crashes = drawn
    TRIED["crashes repeat only what was said"] += 1
    journal = journal_of(history.steps, one_topic=way.one_topic, again=way.again)
    uncut = Lane(journal).run()
    with chunks_of(way.chunk_orders):
        lane = Lane(journal, way.slice_size)
        for crash in crashes:
            lane.crash(crash)
        lane.run(way.writes, way.recoveries)
        assert unlike("written", state_of(lane), state_of(uncut)) == []
    assert _without_repeats(lane) == _without_repeats(uncut)


def _without_repeats(lane: Lane) -> dict[str, list[Record]]:
    return {customer_id: list(dict.fromkeys(records)) for customer_id, records in records_of(lane).items()}


@given(histories_with_ticks())
def test_where_ticks_stand_makes_no_difference_to_events_in_order(
    drawn: tuple[Sequence[Step], Sequence[Step]],
) -> None:
    plain, ticked = (Lane(journal_of(steps)).run() for steps in drawn)
    TRIED["ticks anywhere"] += 1
    assert records_of(ticked) == records_of(plain)
    assert _without(ticked, "as_of") == _without(plain, "as_of")
    assert (ticked.duplicates, ticked.dropped) == (plain.duplicates, plain.dropped)


@given(histories_on_their_way())
def test_nothing_changes_before_the_next_due_moment(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    TRIED["nothing before due"] += 1
    lane = Lane(journal_of(history.steps))
    for offset in range(len(lane.journal)):
        lane.fold(offset)
        if offset in way.writes or offset == len(lane.journal) - 1:
            _expect_nothing_before_due(lane, offset)


def _expect_nothing_before_due(lane: Lane, offset: int) -> None:
    """Bring time to just before the first due moment of anyone; if nothing will ever be due, to the end of all time."""
    before = _known(lane)
    due = min((lane.table.due(customer_id) for customer_id in before), default=NEVER)
    if due == NEVER and offset < len(lane.journal) - 1:
        return
    said = list(lane.out)
    assert lane.partition.apply(offset, "", Tick(min(due - 1, 10 * LAST_MS), None), lane.out)
    assert lane.out == said
    assert _known(lane) == before


def _known(lane: Lane) -> dict[str, bytes]:
    """Everyone's profile as it is in memory, in bytes."""
    profiles = {customer_id: lane.table.get(customer_id) for customer_id in lane.table.ids()}
    return {each: encode_profile(profile) for each, profile in profiles.items() if profile is not None}


@given(histories_on_their_way())
def test_folding_the_published_changes_gives_everyones_segment(drawn: tuple[History, Way]) -> None:
    TRIED["changes fold to segments"] += 1
    lane = folded(*drawn)
    segments: dict[str, str] = {}
    last: dict[str, int] = {}
    for output in map(output_of, lane.published):
        if output.topic != "segment-changes":
            continue
        customer_id, change = output.key, output.value
        if change is None:
            segments.pop(customer_id, None)
            assert output.headers["ce_id"] == f"{customer_id}:{last.get(customer_id, 0)}:erased"
            continue
        assert change["seq"] == last.get(customer_id, 0) + 1
        assert change["from"] == segments.get(customer_id)
        assert change["to"] != change["from"]
        last[customer_id], segments[customer_id] = change["seq"], change["to"]
    profiles = lane.written.profiles()
    assert segments == {customer_id: profile.segment for customer_id, profile in profiles.items()}
    assert +lane.partition.segment_counts == Counter(segments.values())


def test_every_property_was_tried_on_as_many_histories_as_the_profile_asks_for(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    chosen = [item for item in request.session.items if item.path == request.path and item is not request.node]
    assert len(TRIED) == len(chosen)
    with capsys.disabled():
        tried = ", ".join(f"{name}: {count}" for name, count in TRIED.items())
        print(f"\nhistories tried: {sum(TRIED.values())} ({tried})")
    assert min(TRIED.values(), default=0) >= settings().max_examples
