"""What may happen to a history on its way without changing anything: cuts, crashes, ticks, another order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from agents.segment.write_plan import WriteStep
from tests.oracle import moments
from tests.property.draws import between, one_in, pick
from tests.property.folding import Crash
from tests.property.histories import History, histories, window_histories
from tests.property.history_builder import LAST_MS, Step

_SLICES: Final = (10_000, 2, 1)


@dataclass(frozen=True)
class Way:
    """How a history is journaled and folded.

    Attributes:
        one_topic: whether all events come through `events`; `again` as `journal_of` has it.
        slice_size: how many customers are judged at most between two writes.
        chunk_orders: orders in a chunk of a long history, which begins with twice as many and one; 0 for as many as
            there are, which is never.
        writes: offsets after which everything is written down, `recoveries` those after which it is then read anew.
    """

    one_topic: bool
    again: Mapping[int, int]
    slice_size: int
    chunk_orders: int
    writes: frozenset[int]
    recoveries: frozenset[int]


@st.composite
def ways(draw: st.DrawFn, steps: int) -> Way:
    """A way for a history of so many steps."""
    seldom = pick(draw, (3, 6, 16))
    cuts = [pick(draw, ("write", "recover")) if one_in(draw, seldom) else "" for _ in range(steps)]
    return Way(
        one_topic=not one_in(draw, 3),
        again={between(draw, 0, steps - 1): between(draw, 1, 4) for _ in range(between(draw, 0, 2))},
        slice_size=pick(draw, _SLICES),
        chunk_orders=pick(draw, (0, 1, 2)),
        writes=frozenset(offset for offset, cut in enumerate(cuts) if cut),
        recoveries=frozenset(offset for offset, cut in enumerate(cuts) if cut == "recover"),
    )


@st.composite
def histories_on_their_way(draw: st.DrawFn) -> tuple[History, Way]:
    """A history and a way for it."""
    history = draw(histories())
    return history, draw(ways(len(history.steps)))


@st.composite
def histories_with_crashes(draw: st.DrawFn) -> tuple[History, Way, list[Crash]]:
    """A history, a way for it, and one to four crashes on this way."""
    history, way = draw(histories_on_their_way())
    places = sorted(between(draw, 0, len(history.steps) - 1) for _ in range(between(draw, 1, 4)))
    return history, way, [_crash(draw, place) for place in places]


def _crash(draw: st.DrawFn, since: int) -> Crash:
    at, slices, every = since + between(draw, 0, 6), between(draw, 0, 3), pick(draw, (0, 0, 1, 2))
    if one_in(draw, 3):
        return Crash(since, at, slices, WriteStep.OUTPUTS, range(between(draw, 0, 5)), every)
    some = frozenset(place for place in range(4) if one_in(draw, 2))
    if one_in(draw, 3):
        return Crash(since, at, slices, WriteStep.DAY_TOTALS, some, every)
    step = pick(draw, tuple(WriteStep)[2:])
    if step is WriteStep.PROGRESS:  # its records refer to each other: only because one request has them, in this order
        return Crash(since, at, slices, step, range(between(draw, 0, 2)), every)
    return Crash(since, at, slices, step, some, every)


@st.composite
def histories_with_ticks(draw: st.DrawFn) -> tuple[Sequence[Step], Sequence[Step]]:
    """Steps in order, with nothing but a tick at their end, and the same with ticks anywhere between them."""
    history = draw(histories(in_order=True))
    spans = history.rulebook.spans_ms
    plain: list[Step] = []
    ticked: list[Step] = []
    last = 0
    for step in history.steps:
        if "occurred_at" in step:
            until = moments.parse(step["occurred_at"])
            for _ in range(pick(draw, (0, 0, 1, 2))):
                at = pick(draw, (until, min(until, last + pick(draw, spans) + pick(draw, (0, -1, 1))), until - 1))
                ticked.append(_tick(at))
            last = until
        plain.append(step)
        ticked.append(step)
    end = _tick(last + pick(draw, spans))
    return [*plain, end], [*ticked, end]


@st.composite
def shuffled_histories(draw: st.DrawFn) -> tuple[History, Sequence[Step]]:
    """A history within a window, and its steps with the events in another order."""
    history = draw(window_histories())
    rules = [step for step in history.steps if "text" in step]
    events = [step for step in history.steps if "text" not in step]
    return history, [*rules, *draw(st.permutations(events))]


def _tick(at: int) -> Step:
    return {"type": "tick", "at": moments.text(max(0, min(at, LAST_MS + 1)))}
