"""Counts agree with their nouns."""

import pytest

from state.units.counts import counted


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 customers"), (1, "1 customer"), (2, "2 customers"), (21, "21 customers"), (1_204, "1,204 customers")],
)
def test_a_noun_is_in_the_plural_unless_there_is_one(count: int, text: str) -> None:
    assert counted(count, "customer") == text


def test_a_plural_may_be_given_with_its_verb() -> None:
    assert counted(1, "message is due", "messages are due") == "1 message is due"
    assert counted(3, "message is due", "messages are due") == "3 messages are due"
