"""What may happen to a history without changing the result: interruptions, crashes, ticks, another order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st

from agents.segment.write_plan import WriteStep
from tests.oracle import moments
from tests.property.folding import Crash
from tests.property.histories.draws import between, one_in, pick
from tests.property.histories.history_builder import LAST_MS, Step
from tests.property.histories.random_histories import History, histories, window_histories

_SLICES: Final = (10_000, 2, 1)


@dataclass(frozen=True)
class Way:
    """How a history is journaled and folded.

    Attributes:
        one_topic: whether all events are published to `events`.
        repeats: how many records are journaled again after a step, as in `journal_of`.
        slice_size: how many customers at most are evaluated between two writes.
        chunk_orders: orders per chunk; a history with more than twice as many is long. 0 leaves the product's values,
            which no history here reaches.
        writes: offsets after which everything is written.
        recoveries: those of `writes` after which the lane recovers from what it wrote.
    """

    one_topic: bool
    repeats: Mapping[int, int]
    slice_size: int
    chunk_orders: int
    writes: frozenset[int]
    recoveries: frozenset[int]


@st.composite
def ways(draw: st.DrawFn, steps: int) -> Way:
    """Draw a way for a history of this many steps."""
    rarity = pick(draw, (3, 6, 16))
    cuts = [pick(draw, ("write", "recover")) if one_in(draw, rarity) else "" for _ in range(steps)]
    return Way(
        one_topic=not one_in(draw, 3),
        repeats={between(draw, 0, steps - 1): between(draw, 1, 4) for _ in range(between(draw, 0, 2))},
        slice_size=pick(draw, _SLICES),
        chunk_orders=pick(draw, (0, 1, 2)),
        writes=frozenset(offset for offset, cut in enumerate(cuts) if cut),
        recoveries=frozenset(offset for offset, cut in enumerate(cuts) if cut == "recover"),
    )


@st.composite
def histories_on_their_way(draw: st.DrawFn) -> tuple[History, Way]:
    """Draw a history and a way for it."""
    history = draw(histories())
    return history, draw(ways(len(history.steps)))


@st.composite
def histories_with_crashes(draw: st.DrawFn) -> tuple[History, Way, list[Crash]]:
    """Draw a history, a way for it, and one to four crashes."""
    history, way = draw(histories_on_their_way())
    offsets = sorted(between(draw, 0, len(history.steps) - 1) for _ in range(between(draw, 1, 4)))
    return history, way, [_crash(draw, offset) for offset in offsets]


def _crash(draw: st.DrawFn, first_offset: int) -> Crash:
    last_offset, slices, write_every = first_offset + between(draw, 0, 6), between(draw, 0, 3), pick(draw, (0, 0, 1, 2))
    if one_in(draw, 3):
        sent, ahead = range(between(draw, 0, 5)), between(draw, 0, 2)
        return Crash(first_offset, last_offset, slices, WriteStep.OUTPUTS, sent, write_every, ahead)
    written = frozenset(index for index in range(4) if one_in(draw, 2))
    if one_in(draw, 3):
        return Crash(first_offset, last_offset, slices, WriteStep.DAY_TOTALS, written, write_every)
    step = pick(draw, tuple(WriteStep)[2:])
    # Records of the progress refer to each other: they are one request, in order, so only the last can be missing.
    if step is WriteStep.PROGRESS:
        return Crash(first_offset, last_offset, slices, step, range(between(draw, 0, 2)), write_every)
    return Crash(first_offset, last_offset, slices, step, written, write_every)


@st.composite
def histories_with_ticks(draw: st.DrawFn) -> tuple[Sequence[Step], Sequence[Step]]:
    """Draw steps in order of time with a single tick at the end, and the same with ticks anywhere between them."""
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
    """Draw a history within one window, and its steps with the events in another order."""
    history = draw(window_histories())
    rules = [step for step in history.steps if "text" in step]
    events = [step for step in history.steps if "text" not in step]
    return history, [*rules, *draw(st.permutations(events))]


def _tick(at: int) -> Step:
    return {"type": "tick", "at": moments.text(max(0, min(at, LAST_MS + 1)))}
