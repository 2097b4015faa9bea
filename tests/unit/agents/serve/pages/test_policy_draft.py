"""Thresholds in a reader's words: what was typed wrongly, and what was edited."""

import pytest
from litestar.testing import RequestFactory

from agents.serve.pages.page_view import PageView
from agents.serve.pages.views.policy_draft import Edit, edges_of, edits, flaw_in_words
from state.config.policy_reader import parse_policy
from streams.defaults import policy_text

POLICY = parse_policy(policy_text())


def view(language: str = "en") -> PageView:
    return PageView(RequestFactory().get("/", query_params={"lang": language}), POLICY)


@pytest.mark.parametrize(
    ("typed", "english", "russian"),
    [
        (("60", "180"), "", ""),
        (("0.5", "1"), "", ""),
        (("60", "x"), "Days since the last order: thresholds are numbers", "пороги — это числа"),
        (("60", ""), "You typed: 60; .", "Введено: 60; ."),
        (("60", "60"), "each threshold is larger than the one before. You typed: 60; 60.", "больше предыдущего"),
        (("180", "60"), "You typed: 180; 60.", "«Дней с последнего заказа»"),
    ],
)
def test_what_is_wrong_with_thresholds_is_said_in_the_readers_language(
    typed: tuple[str, str], english: str, russian: str
) -> None:
    edges = edges_of(POLICY) | {"recency_days": typed}
    for language, expected in (("en", english), ("ru", russian)):
        flaw = flaw_in_words(edges, view(language))
        assert bool(flaw) == bool(expected)
        assert expected in flaw


def test_a_comparison_says_which_thresholds_are_different() -> None:
    edited = parse_policy(policy_text().replace("edges = [60, 180]", "edges = [30.5, 1000]"))
    assert edits(POLICY, edited, view()) == [Edit("Days since the last order", "60; 180", "30.5; 1,000")]
    assert edits(POLICY, POLICY, view()) == []
