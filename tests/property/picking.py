"""Drawing one of a few: most of what a history is made of."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st

T = TypeVar("T")


def pick(draw: st.DrawFn, choices: Sequence[T]) -> T:
    """One of a few; the first is the simplest. Much faster than a strategy made for the occasion."""
    return choices[draw(st.integers(0, len(choices) - 1))]


def one_in(draw: st.DrawFn, count: int) -> bool:
    """Whether it is time for what shall happen now and then."""
    return draw(st.integers(0, count - 1)) == count - 1
