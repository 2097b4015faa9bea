"""The fold agrees with the oracle, which computes everything from the whole history, on any history."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings

from state.customer import order_chunks, orders, packed_orders
from state.customer.profile import encode_profile
from state.records.events import Tick
from state.units.timestamps import NEVER
from tests.oracle import Oracle
from tests.property.folding import PREFIX, Crash, Lane, journal_of
from tests.property.histories.crash_strategies import (
    Way,
    histories_on_their_way,
    histories_with_crashes,
    histories_with_ticks,
    shuffled_histories,
)
from tests.property.histories.history_builder import LAST_MS, Step
from tests.property.histories.random_histories import History
from tests.property.profile_comparison import (
    Record,
    diff_mappings,
    differences,
    facts_of,
    output_of,
    records_of,
    state_of,
)

pytestmark = pytest.mark.timeout(300 if settings().max_examples <= 200 else 0)  # the deep profile has no limit

HISTORIES_TRIED: Counter[str] = Counter()
"""How many histories each property was tried on."""


@contextmanager
def chunks_of(chunk_orders: int) -> Iterator[None]:
    """Store histories in chunks from a few orders on; 0 changes nothing."""
    with pytest.MonkeyPatch.context() as patch:
        if chunk_orders:
            patch.setattr(order_chunks, "CHUNK_ORDERS", chunk_orders)
            for module in (order_chunks, orders, packed_orders):
                patch.setattr(module, "LONG_HISTORY", 2 * chunk_orders)
        yield


def folded(history: History, way: Way) -> Lane:
    """Fold a history on its way."""
    with chunks_of(way.chunk_orders):
        lane = Lane(journal_of(history.steps, one_topic=way.one_topic, repeats=way.repeats), way.slice_size)
        return lane.run(way.writes, way.recoveries)


@given(histories_on_their_way())
def test_the_incremental_fold_agrees_with_the_oracle(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    HISTORIES_TRIED["incremental equals batch"] += 1
    assert differences(folded(history, way), Oracle(PREFIX).run(history.steps)) == []


@given(shuffled_histories())
def test_the_order_of_arrival_within_a_window_does_not_matter(drawn: tuple[History, Sequence[Step]]) -> None:
    history, shuffled = drawn
    HISTORIES_TRIED["permutations end equal"] += 1
    lane = Lane(journal_of(shuffled)).run()
    assert _facts_without(lane, "seq", "since") == _facts_without(Lane(journal_of(history.steps)).run(), "seq", "since")
    assert differences(lane, Oracle(PREFIX).run(shuffled)) == []


def _facts_without(lane: Lane, *names: str) -> dict[str, dict[str, Any]]:
    """Return everyone's facts without those of some names."""
    facts = {customer_id: facts_of(profile) for customer_id, profile in lane.written.profiles().items()}
    return {each: {name: fact for name, fact in known.items() if name not in names} for each, known in facts.items()}


@given(histories_on_their_way())
def test_writing_and_resuming_anywhere_changes_nothing(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    HISTORIES_TRIED["cuts change nothing"] += 1
    uncut = Lane(journal_of(history.steps, one_topic=way.one_topic, repeats=way.repeats)).run()
    lane = folded(history, way)
    assert records_of(lane) == records_of(uncut)
    assert diff_mappings("written", state_of(lane), state_of(uncut)) == []
    assert (lane.duplicates, lane.dropped) == (uncut.duplicates, uncut.dropped)


@given(histories_with_crashes())
def test_crashes_repeat_outputs_identically_and_lose_none(
    drawn: tuple[History, Way, list[Crash]],
) -> None:
    history, way, crashes = drawn
    HISTORIES_TRIED["crashes repeat only what was published"] += 1
    journal = journal_of(history.steps, one_topic=way.one_topic, repeats=way.repeats)
    uncut = Lane(journal).run()
    with chunks_of(way.chunk_orders):
        lane = Lane(journal, way.slice_size)
        for crash in crashes:
            lane.crash(crash)
        lane.run(way.writes, way.recoveries)
        assert diff_mappings("written", state_of(lane), state_of(uncut)) == []
    assert _without_repeats(lane) == _without_repeats(uncut)


def _without_repeats(lane: Lane) -> dict[str, list[Record]]:
    return {customer_id: list(dict.fromkeys(records)) for customer_id, records in records_of(lane).items()}


@given(histories_with_ticks())
def test_extra_ticks_do_not_matter_if_events_are_in_order(
    drawn: tuple[Sequence[Step], Sequence[Step]],
) -> None:
    plain, ticked = (Lane(journal_of(steps)).run() for steps in drawn)
    HISTORIES_TRIED["ticks anywhere"] += 1
    assert records_of(ticked) == records_of(plain)
    assert _facts_without(ticked, "as_of") == _facts_without(plain, "as_of")
    assert (ticked.duplicates, ticked.dropped) == (plain.duplicates, plain.dropped)


@given(histories_on_their_way())
def test_nothing_changes_before_the_next_due_moment(drawn: tuple[History, Way]) -> None:
    history, way = drawn
    HISTORIES_TRIED["nothing before due"] += 1
    lane = Lane(journal_of(history.steps))
    for offset in range(len(lane.journal)):
        lane.fold(offset)
        if offset in way.writes or offset == len(lane.journal) - 1:
            _expect_nothing_before_due(lane, offset)


def _expect_nothing_before_due(lane: Lane, offset: int) -> None:
    """Advance to just before the first due moment; if nothing will ever be due, to the end of time."""
    before = _profiles_encoded(lane)
    due = min((lane.table.due(customer_id) for customer_id in before), default=NEVER)
    if due == NEVER and offset < len(lane.journal) - 1:
        return
    outputs_before = list(lane.pending_outputs)
    assert lane.partition.apply(offset, "", Tick(min(due - 1, 10 * LAST_MS), None), lane.pending_outputs)
    assert lane.pending_outputs == outputs_before
    assert _profiles_encoded(lane) == before


def _profiles_encoded(lane: Lane) -> dict[str, bytes]:
    """Return everyone's profile in memory, encoded."""
    profiles = {customer_id: lane.table.get(customer_id) for customer_id in lane.table.ids()}
    return {each: encode_profile(profile) for each, profile in profiles.items() if profile is not None}


@given(histories_on_their_way())
def test_published_changes_add_up_to_the_segments(drawn: tuple[History, Way]) -> None:
    HISTORIES_TRIED["changes fold to segments"] += 1
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


def test_every_property_was_tried_on_enough_histories(
    request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]
) -> None:
    properties = [item for item in request.session.items if item.path == request.path and item is not request.node]
    assert len(HISTORIES_TRIED) == len(properties)
    with capsys.disabled():
        tried = ", ".join(f"{name}: {count}" for name, count in HISTORIES_TRIED.items())
        print(f"\nhistories tried: {sum(HISTORIES_TRIED.values())} ({tried})")
    assert min(HISTORIES_TRIED.values(), default=0) >= settings().max_examples
