"""Random histories reach every feature of campaigns: a feature that none reaches is never compared."""

from collections import Counter

from hypothesis import Phase, given, seed, settings

from tests.property.histories.history_coverage import FEATURES, features_reached
from tests.property.histories.random_histories import History, histories

HISTORIES = 200
ONE_IN_AT_LEAST = 25
"""Every feature is reached about twice as often or more: a change of the generators moves the counts by chance."""


def test_random_histories_reach_every_campaign_feature() -> None:
    """The histories are the same in every run until the generators or Hypothesis change."""
    found: Counter[str] = Counter()

    @seed(20261122)
    @settings(max_examples=HISTORIES, phases=[Phase.generate], database=None)
    @given(histories())
    def count_features(history: History) -> None:
        found.update(features_reached(history))

    count_features()
    assert set(found) <= set(FEATURES)
    assert {feature: found[feature] for feature in FEATURES if found[feature] * ONE_IN_AT_LEAST < HISTORIES} == {}
