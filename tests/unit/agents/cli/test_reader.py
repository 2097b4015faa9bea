"""What a command shows to its reader: language, titles, local times."""

import pytest

from agents.cli.reader import format_local, reader_language, title_of
from state.config.segments import Segment
from streams.defaults import Language


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "C.UTF-8"}, "en"),
        ({"LANG": "ru_RU.UTF-8"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": "en_US.UTF-8"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ru_RU.KOI8-R"}, "ru"),
        ({"LANG": "ru_RU.UTF-8", "LC_ALL": ""}, "ru"),
    ],
)
def test_the_language_is_that_of_the_terminal(environ: dict[str, str], language: str) -> None:
    assert reader_language(environ) == language


@pytest.mark.parametrize(
    ("english", "russian", "language", "title"),
    [
        ("At risk", "В зоне риска", "ru", "В зоне риска"),
        ("At risk", "В зоне риска", "en", "At risk"),
        ("At risk", None, "ru", "At risk"),
        (None, "В зоне риска", "en", "В зоне риска"),
        (None, None, "ru", "at_risk"),
    ],
)
def test_a_segment_without_a_title_in_the_language_has_another_name(
    english: str | None, russian: str | None, language: Language, title: str
) -> None:
    assert title_of(Segment("at_risk", english, russian), language) == title


def test_a_moment_is_shown_in_the_zone() -> None:
    assert format_local(1_780_000_000_000, "Europe/Moscow") == "2026-05-28 23:26"
    assert format_local(1_780_000_000_000, "UTC") == "2026-05-28 20:26"
    assert format_local(-1, "UTC") == "unknown"
