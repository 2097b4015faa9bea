"""Numbers, money, days and moments in both languages, and the choice of the language."""

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from agents.languages.formats import NO_BREAK, Formats
from agents.languages.translations import Language, preferred_language, texts_in

EN, RU = Formats(Language.EN), Formats(Language.RU, ZoneInfo("Europe/Moscow"))


def _plain(text: str) -> str:
    return text.replace(NO_BREAK, " ")


@pytest.mark.parametrize(
    ("value", "english", "russian"),
    [
        (0, "0", "0"),
        (999, "999", "999"),
        (1_234_567, "1,234,567", "1 234 567"),
        (-4, "−4", "−4"),
        ("12345.50", "12,345.50", "12 345,50"),
        (0.25, "0.25", "0,25"),
    ],
)
def test_numbers_are_grouped_as_the_language_does(value: float | str, english: str, russian: str) -> None:
    assert (_plain(EN.number(value)), _plain(RU.number(value))) == (english, russian)


@pytest.mark.parametrize(
    ("amount", "currency", "english", "russian"),
    [
        ("12400.00", "RUB", "12,400 ₽", "12 400 ₽"),
        ("12400.50", "RUB", "12,400.50 ₽", "12 400,50 ₽"),
        ("-5.10", "USD", "−$5.10", "−5,10 $"),
        ("700", "JPY", "¥700", "700 ¥"),
        ("1.000", "KWD", "1 KWD", "1 KWD"),
        (None, "RUB", "–", "–"),
    ],
)
def test_money_has_its_sign_where_the_language_puts_it(
    amount: str | None, currency: str, english: str, russian: str
) -> None:
    assert (_plain(EN.money(amount, currency)), _plain(RU.money(amount, currency))) == (english, russian)


def test_a_range_of_amounts_has_its_currency_once_in_both_languages() -> None:
    assert (EN.money_range("50.00", "200.50", "USD"), _plain(RU.money_range("50.00", "200.50", "USD"))) == (
        "$50–200.50",
        "50–200,50 $",
    )


@pytest.mark.parametrize(
    ("share", "english", "russian"),
    [
        (0, "0%", "0 %"),
        (0.0004, "< 0.1%", "< 0,1 %"),
        (0.031, "3.1%", "3,1 %"),
        (0.0996, "10%", "10 %"),
        (0.314, "31%", "31 %"),
        (1, "100%", "100 %"),
        (None, "–", "–"),
    ],
)
def test_shares_are_percentages(share: float | None, english: str, russian: str) -> None:
    assert (_plain(EN.share(share)), _plain(RU.share(share))) == (english, russian)


def test_days_and_moments_are_those_of_the_time_zone() -> None:
    assert _plain(EN.moment("2026-05-12T22:30:00.000Z")) == "12 May 2026, 22:30"
    assert _plain(RU.moment("2026-05-12T22:30:00.000Z")) == "13 мая 2026, 01:30"
    assert _plain(RU.day("2026-05-12")) == "12 мая 2026"
    assert _plain(EN.day(date(1997, 1, 1))) == "1 January 1997"
    assert EN.day(None) == EN.moment(None) == "–"


@pytest.mark.parametrize(
    ("seconds", "english", "russian"),
    [
        (1, "1 second", "1 секунда"),
        (59.9, "59 seconds", "59 секунд"),
        (125, "2 minutes", "2 минуты"),
        (3 * 3600, "3 hours", "3 часа"),
        (30 * 3600, "30 hours", "30 часов"),
        (21 * 86_400, "21 days", "21 день"),
    ],
)
def test_durations_have_one_unit_in_the_right_form(seconds: float, english: str, russian: str) -> None:
    assert (EN.duration(seconds), RU.duration(seconds)) == (english, russian)


@pytest.mark.parametrize(
    ("count", "form"), [(1, "день"), (2, "дня"), (5, "дней"), (11, "дней"), (12, "дней"), (21, "день"), (104, "дня")]
)
def test_russian_has_three_plural_forms(count: int, form: str) -> None:
    text = texts_in(Language.RU).ngettext("%(count)s day", "%(count)s days", count)
    assert text % {"count": count} == f"{count} {form}"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", Language.EN),
        ("ru-RU,ru;q=0.9,en-US;q=0.8", Language.RU),
        ("en;q=0.5, ru;q=0.8", Language.RU),
        ("de-DE,de;q=0.9", Language.EN),
        ("de, ru;q=0.1", Language.RU),
        ("ru;q=0", Language.EN),
        ("ru;q=x", Language.EN),
        ("*", Language.EN),
    ],
)
def test_the_language_is_the_readers_best_that_there_is(header: str, language: Language) -> None:
    assert preferred_language(header) is language
