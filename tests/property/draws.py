"""Drawing one of a few: most of what a history is made of."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.internal.conjecture.data import ConjectureData

T = TypeVar("T")


def between(draw: st.DrawFn, low: int, high: int) -> int:
    """A whole number from `low` to `high`, both included; the least is the simplest.

    It is drawn from Hypothesis's data itself where that can be had. Each ``draw(st.integers(...))`` is a part that its
    mutator (`ConjectureRunner.generate_mutations_from`) takes for exchangeable with every other: five of six examples
    were then an earlier one with two numbers exchanged, mostly a shorter one; and the parts took half of the time.
    """
    data = getattr(draw, "__self__", None)
    if isinstance(data, ConjectureData):
        return data.draw_integer(low, high)
    return draw(st.integers(low, high))


def pick(draw: st.DrawFn, choices: Sequence[T]) -> T:
    """One of a few; the first is the simplest."""
    return choices[between(draw, 0, len(choices) - 1)]


def one_in(draw: st.DrawFn, count: int) -> bool:
    """Whether it is time for what shall happen now and then."""
    return between(draw, 0, count - 1) == count - 1
