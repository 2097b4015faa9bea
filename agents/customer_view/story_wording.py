"""How a story is read: in which language, with which titles of segments, in which time zone."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple

from agents.languages.formats import PLAIN, Wording
from agents.languages.translations import Texts
from state.units.time_zones import load_zone


class StoryReader(NamedTuple):
    """How a story is read.

    Attributes:
        titles: of the segments, in the reader's language; a segment without one has its name.
        zone: the time zone of the moments.
        wording: the language of the text, and how numbers and money are written in it.
    """

    titles: Mapping[str, str] = MappingProxyType({})
    zone: str = "UTC"
    wording: Wording = PLAIN

    @property
    def texts(self) -> Texts:
        """The translations."""
        return self.wording.texts

    def segment(self, name: str) -> str:
        """Return how a segment is called."""
        return self.titles.get(name, name)

    def minute(self, moment: str) -> str:
        """Return a moment in RFC 3339 in the zone: `2026-05-12 09:30`."""
        return datetime.fromisoformat(moment).astimezone(load_zone(self.zone)).strftime("%Y-%m-%d %H:%M")


PLAIN_READER: Final = StoryReader()
