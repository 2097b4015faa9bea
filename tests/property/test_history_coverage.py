"""Random histories come to everything that campaigns may do: what is never reached is never compared."""

from collections import Counter

from hypothesis import Phase, given, seed, settings

from tests.property.histories import History, histories
from tests.property.history_coverage import EVERYTHING, reached

HISTORIES = 200
ONE_IN = 25
"""Of everything there is about twice as much or more: a change of the generators moves these figures by chance."""


def test_nothing_of_campaigns_is_reached_by_fewer_than_one_history_in_25() -> None:
    """Of histories that are the same in every run, until the generators, or Hypothesis, change."""
    found: Counter[str] = Counter()

    @seed(20261122)
    @settings(max_examples=HISTORIES, phases=[Phase.generate], database=None)
    @given(histories())
    def look(history: History) -> None:
        found.update(reached(history))

    look()
    assert set(found) <= set(EVERYTHING)
    assert {what: found[what] for what in EVERYTHING if found[what] * ONE_IN < HISTORIES} == {}
