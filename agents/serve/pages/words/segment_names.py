"""How readers see segments: the title in their language, and a shape and a colour that are the same on every page."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from agents.languages.translations import Language, mark, texts_in
from state.config.policy import Policy
from state.config.segments import POTENTIAL

STYLES: Final = 10
"""Number of colours, `seg-0` to `seg-9` in the style sheet; that of `potential` comes in addition."""
_SHAPES: Final = (
    "M5 0a5 5 0 1 0 .01 0z",  # circle
    "M5 0l5 5-5 5-5-5z",  # diamond
    "M5 .5L10 9.5H0z",  # triangle
    "M.7.7h8.6v8.6H.7z",  # square
    "M0 .5h10L5 9.5z",  # triangle that points down
    "M3.3 0h3.4v3.3H10v3.4H6.7V10H3.3V6.7H0V3.3h3.3z",  # plus
    "M2.5.5h5L10 5 7.5 9.5h-5L0 5z",  # hexagon
    "M5 0l1.5 3.4 3.5.4-2.6 2.5.8 3.7L5 8.1 1.8 10l.8-3.7L0 3.8l3.5-.4z",  # star
    "M0 0h10v4H0zM0 6h10v4H0z",  # two bars
    "M0 10V5a5 5 0 0 1 10 0v5z",  # arch
)
_RING: Final = "M5 0a5 5 0 1 0 .01 0zM5 3a2 2 0 1 1-.01 0z"
_COMMON_TITLES: Final = {
    "golden": mark("Golden"),
    "loyal": mark("Loyal"),
    "new": mark("New"),
    "active": mark("Active"),
    "at_risk": mark("At risk"),
    "churned": mark("Churned"),
    POTENTIAL: mark("Potential"),
}
"""Titles of segments with the usual names, for policies that give none."""


class SegmentName(NamedTuple):
    """A segment as readers see it.

    Attributes:
        name: in the policy.
        title: in the reader's language.
        style: the class of its colour.
        shape: the path of its mark in a square of 10 × 10.
    """

    name: str
    title: str
    style: str
    shape: str


class SegmentNames:
    """The segments of a policy in a language. Segments of an earlier policy are shown by name, in the last colours."""

    def __init__(self, policy: Policy | None, language: Language) -> None:
        self._texts = texts_in(language)
        self._by_name: dict[str, SegmentName] = {}
        for place, segment in enumerate(() if policy is None else policy.segments):
            title = segment.title_ru if language is Language.RU else segment.title_en
            self._add(segment.name, title, place)

    def __getitem__(self, name: str) -> SegmentName:
        if name not in self._by_name:
            self._add(name, None, len(self._by_name))
        return self._by_name[name]

    def __iter__(self) -> Iterator[SegmentName]:
        return iter(self._by_name.values())

    def is_best(self, name: str) -> bool:
        """Return whether a segment is the first of the policy."""
        return next(iter(self._by_name), None) == name

    def title(self, name: str | None) -> str:
        """Return the title of a segment; for None that of customers who were not known before."""
        return self._texts.gettext("first seen") if name is None else self[name].title

    def _add(self, name: str, title: str | None, place: int) -> None:
        if title is None:
            title = self._texts.gettext(_COMMON_TITLES[name]) if name in _COMMON_TITLES else name
        if name == POTENTIAL:
            self._by_name[name] = SegmentName(name, title, "seg-potential", _RING)
        else:
            style = place % STYLES
            self._by_name[name] = SegmentName(name, title, f"seg-{style}", _SHAPES[style])
