"""What the reader of a command's output reads best: their language, and times in the shop's zone."""

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from streams.defaults import Language

if TYPE_CHECKING:
    from agents.languages.formats import Wording
    from state.config.policy import Policy
    from state.config.segments import Segment


POTENTIAL_TITLES: Final = {"en": "Potential", "ru": "Потенциальный"}
"""The titles of the segment that no policy defines."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LOCALE_VARIABLES: Final = ("LC_ALL", "LC_MESSAGES", "LANG")


def reader_language(environ: Mapping[str, str] | None = None) -> Language:
    """Return the language of the terminal: Russian if its locale is, else English."""
    environ = os.environ if environ is None else environ
    chosen = next((environ[name] for name in _LOCALE_VARIABLES if environ.get(name)), "")
    return "ru" if chosen.lower().startswith("ru") else "en"


def reader_wording(language: Language) -> "Wording":
    """Return how sentences with figures are written in a language; in English, figures are as in the records."""
    from agents.languages.formats import PLAIN, Formats
    from agents.languages.translations import Language as FormatsLanguage

    return PLAIN if language == "en" else Formats(FormatsLanguage(language))


def title_of(segment: "Segment", language: Language) -> str:
    """Return a segment's title in a language, else in the other one, else its name."""
    titles = (segment.title_en, segment.title_ru)
    first, second = titles if language == "en" else reversed(titles)
    return first or second or segment.name


def title_by_name(policy: "Policy", name: str, language: Language) -> str:
    """Return the title of the segment with this name; the name where the policy has no such segment."""
    if name == "potential":
        return POTENTIAL_TITLES[language]
    return next((title_of(each, language) for each in policy.segments if each.name == name), name)


def titles_of(policy: "Policy", language: Language) -> dict[str, str]:
    """Return the titles of all segments in a language, by their names."""
    return {name: title_by_name(policy, name, language) for name in policy.segment_names}


def format_local(moment_ms: int, zone_name: str) -> str:
    """Return a moment in a time zone: `2026-05-12 12:30`; `unknown` for -1."""
    from state.units.time_zones import load_zone

    if moment_ms < 0:
        return "unknown"
    return (_EPOCH + timedelta(milliseconds=moment_ms)).astimezone(load_zone(zone_name)).strftime("%Y-%m-%d %H:%M")
