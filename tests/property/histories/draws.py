"""Functions that draw one of a few choices; random histories consist mostly of such draws."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.internal.conjecture.data import ConjectureData

T = TypeVar("T")


def between(draw: st.DrawFn, low: int, high: int) -> int:
    """Draw an integer from `low` to `high`, both included; it shrinks to `low`.

    It is drawn from Hypothesis's data directly if possible. Each ``draw(st.integers(...))`` would be a span that the
    mutator (`ConjectureRunner.generate_mutations_from`) treats as interchangeable with every other: five of six
    examples were then an earlier one with two numbers exchanged, mostly a shorter one, and the spans took half of the
    time.
    """
    data = getattr(draw, "__self__", None)
    if isinstance(data, ConjectureData):
        return data.draw_integer(low, high)
    return draw(st.integers(low, high))


def pick(draw: st.DrawFn, choices: Sequence[T]) -> T:
    """Draw one of the choices; it shrinks to the first."""
    return choices[between(draw, 0, len(choices) - 1)]


def one_in(draw: st.DrawFn, count: int) -> bool:
    """Draw True once in `count` times; it shrinks to False."""
    return between(draw, 0, count - 1) == count - 1
