"""The names of months, days of the week and halves of the day in the languages of our users, from CLDR."""

import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Final, NamedTuple, TypeVar

_Key = TypeVar("_Key")
LANGUAGES: Final = (
    *("en", "ru", "uk", "be", "kk", "de", "fr", "es", "it", "pt", "nl", "pl", "cs", "sk", "hu", "ro", "tr", "bg"),
    *("sr", "sr_Latn", "hr", "mk", "sl", "sv", "da", "nb", "fi", "et", "lv", "lt", "el", "az", "hy", "ka", "ky", "tg"),
    *("uz", "id"),
)
_ALSO: Final = {"en": {"sept": 9}, "de": {"jänner": 1, "jän": 1, "feber": 2}, "ru": {"сен": 9, "фев": 2, "ноя": 11}}
_HALVES: Final = {
    "am": 0,
    "pm": 12,
    "a": 0,
    "p": 12,
    "上午": 0,
    "下午": 12,
    "午前": 0,
    "午後": 12,
    "오전": 0,
    "오후": 12,
}
_LETTERS: Final = str.maketrans({"ı": "i", "ł": "l", "đ": "d", "ø": "o", "ʼ": ""})


class Month(NamedTuple):
    """A month that a name can mean, in these languages."""

    number: int
    languages: frozenset[str]


class _Names(NamedTuple):
    months: dict[str, tuple[Month, ...]]
    weekdays: frozenset[str]
    halves: dict[str, int]


def months_named(word: str) -> tuple[Month, ...]:
    """Return the months that a word can mean; `listopad` is November in Czech and Polish, October in Croatian."""
    return _names().months.get(normalized_word(word), ())


def is_weekday(word: str) -> bool:
    """Return whether a word is a day of the week, in full or abbreviated."""
    return normalized_word(word) in _names().weekdays


def half_of_day(word: str) -> int | None:
    """Return the hours that a word such as `AM` or `p.m.` adds, 0 or 12; None if it is none."""
    return _names().halves.get(normalized_word(word))


def normalized_word(word: str) -> str:
    """Return a word without case, accents and points."""
    letters = unicodedata.normalize("NFKD", word.casefold().translate(_LETTERS))
    return "".join(letter for letter in letters if letter.isalpha())


@cache
def _names() -> _Names:
    from babel import Locale

    months: defaultdict[str, defaultdict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    weekdays: set[str] = set()
    halves = {normalized_word(name): hours for name, hours in _HALVES.items()}
    for language in LANGUAGES:
        locale = Locale.parse(language)
        names = [(name, n) for context in locale.months.values() for each in _long(context) for n, name in each.items()]
        for name, number in (*names, *_ALSO.get(language, {}).items()):
            months[normalized_word(name)][number].add(language)
        weekdays.update(
            normalized_word(name)
            for context in locale.days.values()
            for days in _long(context)
            for name in days.values()
        )
        halves |= {
            normalized_word(name): 0 if half == "am" else 12
            for context in locale.day_periods.values()
            for periods in _long(context)
            for half, name in periods.items()
            if half in ("am", "pm")
        }
    return _Names(
        {name: tuple(Month(n, frozenset(of)) for n, of in sorted(numbers.items())) for name, numbers in months.items()},
        frozenset(weekdays),
        halves,
    )


def _long(context: Mapping[str, Mapping[_Key, str]]) -> list[Mapping[_Key, str]]:
    """Return the names of all widths but single letters, which mean several things."""
    return [names for width, names in context.items() if width != "narrow"]
