"""Yes and no in the languages of files."""

import pytest

from agents.importing.columns.flags import read_flag


@pytest.mark.parametrize("text", ["yes", "TRUE", " 1 ", "1.0", "Да", "ДА", "так", "иә", "Ja", "oui", "Sí", "✓", "X"])
def test_yes_is_read_in_any_language(text: str) -> None:
    assert read_flag(text) is True


@pytest.mark.parametrize("text", ["no", "FALSE", "0", "0.0", "Нет", "ні", "жоқ", "Nein", "non", "não", "❌"])
def test_no_is_read_in_any_language(text: str) -> None:
    assert read_flag(text) is False


@pytest.mark.parametrize("text", ["", "maybe", "2", "yes please", "not subscribed", "y" * 1000])
def test_other_texts_are_neither(text: str) -> None:
    assert read_flag(text) is None
