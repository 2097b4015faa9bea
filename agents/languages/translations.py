"""Texts in the languages of readers: English in the source, other languages in gettext catalogues beside this file."""

import gettext
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Final, Protocol

DOMAIN: Final = "goldstream"
FOLDER: Final = Path(__file__).parent / "catalogues"


class Language(StrEnum):
    """A language of the pages, by its code in ISO 639."""

    EN = "en"
    RU = "ru"

    @property
    def own_name(self) -> str:
        """The language's name in that language."""
        return {"en": "English", "ru": "Русский"}[self]


class Texts(Protocol):
    """Translates texts; one from gettext satisfies it."""

    def gettext(self, message: str, /) -> str:
        """Return the text in the reader's language."""

    def ngettext(self, singular: str, plural: str, count: int, /) -> str:
        """Return the form of the text that agrees with the count."""

    def pgettext(self, context: str, message: str, /) -> str:
        """Return the text in the reader's language; the context tells apart equal English texts."""


ENGLISH: Final[Texts] = gettext.NullTranslations()
"""The texts as they are in the source."""


def mark(message: str) -> str:
    """Return the text as it is: marks a constant for extraction, where it is translated only when it is shown."""
    return message


@cache
def texts_in(language: Language) -> gettext.NullTranslations:
    """Return the texts of a language.

    Raises:
        OSError: the compiled catalogue is missing; `make messages` writes it.
    """
    if language is Language.EN:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, FOLDER, [language])


def parse_language(text: str | None) -> Language | None:
    """Return the language with that code; None for any other text."""
    return Language(text) if text in set(Language) else None


def preferred_language(accept_language: str) -> Language:
    """Return that language of the header `Accept-Language` which the pages have and which weighs most, else English."""
    best, best_weight = Language.EN, 0.0
    for part in accept_language.split(","):
        name, _, parameters = part.strip().partition(";")
        language = parse_language(name.strip().lower().partition("-")[0])
        weight = _weight(parameters)
        if language is not None and weight > best_weight:
            best, best_weight = language, weight
    return best


def _weight(parameters: str) -> float:
    """Return the `q` of a part of the header: 1 without one, 0 for one that is no number."""
    name, _, value = parameters.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
