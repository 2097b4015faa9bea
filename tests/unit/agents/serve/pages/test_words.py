"""Sentences with figures agree with them, in English and in Russian."""

from typing import Final

import pytest

from agents.languages.formats import Formats
from agents.languages.translations import Language
from agents.serve.pages.words.campaigns import held_words
from agents.serve.pages.words.scores import recency_label
from state.config.policy_reader import parse_policy
from state.records.reasons import SuppressionReason
from streams.defaults import policy_text

POLICY: Final = parse_policy(policy_text())
EN, RU = Formats(Language.EN), Formats(Language.RU)


@pytest.mark.parametrize(
    ("edges", "english", "russian"),
    [
        (
            ["1", "21"],
            ["21 days or more", "1–21 days", "less than 1 day"],
            ["21 день назад или", "1–21 день", "меньше 1 дня"],
        ),
        (
            ["2.5", "4"],
            ["4 days or more", "2.5–4 days", "less than 2.5 days"],
            ["4 дня назад или", "2,5–4 дня", "2,5 дней"],
        ),
        (
            ["11", "60"],
            ["60 days or more", "11–60 days", "less than 11"],
            ["60 дней назад или", "11–60 дней", "11 дней"],
        ),
    ],
)
def test_days_of_a_score_agree_with_their_number(edges: list[str], english: list[str], russian: list[str]) -> None:
    policy = parse_policy(POLICY.text.replace("edges = [60, 180]", f"edges = [{', '.join(edges)}]"))
    for formats, parts in ((EN, english), (RU, russian)):
        for score, part in enumerate(parts, 1):
            assert part in recency_label(policy, score, formats)


@pytest.mark.parametrize(
    ("count", "english", "russian"),
    [
        (1, "1 customer is in the control group", "1 клиент в контрольной"),
        (3, "3 customers are in the control group", "3 клиента в контрольной"),
        (21, "21 customers are in the control group", "21 клиент в контрольной"),
        (1_011, "1,011 customers are in the control group", "1\u00a0011 клиентов в контрольной"),
    ],
)
def test_customers_who_get_no_messages_are_counted_in_sentences(count: int, english: str, russian: str) -> None:
    assert held_words(SuppressionReason.CONTROL, count, EN).startswith(english)
    assert held_words(SuppressionReason.CONTROL, count, RU).startswith(russian)
    assert held_words("of a later version", count, EN).endswith("× of a later version")
