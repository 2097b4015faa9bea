"""Every text of the pages is translated, and the compiled catalogues are those of the files beside them."""

import string
from typing import Final

import pytest
from babel.messages.catalog import Message

from agents.languages.translations import Language, texts_in
from tests.generated import messages

LANGUAGES: Final = messages.LANGUAGES


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_and_nothing_else_is(language: Language) -> None:
    catalogue, texts = messages.read(language), messages.collect()
    assert [message.id for message in messages.missing(catalogue)] == []
    assert {_key(message) for message in catalogue if message.id} == {_key(message) for message in texts if message.id}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_values_of_the_text(language: Language) -> None:
    for message in messages.read(language):
        if message.id:
            source = message.id if isinstance(message.id, str) else message.id[-1]
            for form in messages.forms_of(message):
                assert _values(form) == _values(source), message.id


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_compiled_catalogue_is_that_of_the_file(language: Language) -> None:
    path = messages.catalogue_path(language)
    assert path.with_suffix(".mo").read_bytes() == messages.compiled(messages.read(language)), "run `make messages`"
    assert texts_in(language).gettext("Segments") != "Segments"


def _key(message: Message) -> object:
    return message.context, message.id


def _values(text: str) -> set[str]:
    """Return the names between `%(` and `)`."""
    return {part.partition(")")[0] for part in text.split("%(")[1:]} - set(string.punctuation)
