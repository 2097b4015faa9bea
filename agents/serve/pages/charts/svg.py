"""Build SVG text: elements with escaped text and attributes, and texts that fit a width.

A chart has no script and no style attribute, which the pages' Content-Security-Policy forbids: classes carry colours,
so that light and dark are matters of the style sheet alone.

A chart fills the width it is given without scaling its letters. Horizontal positions are percentages, vertical ones
pixels. Paths, which cannot have percentages, are in nested drawings (`stretched`) that are stretched to the width.
Labels are laid out for the narrowest plot, so that they do not overlap on any wider one.
"""

from collections.abc import Iterable
from functools import cache
from typing import Final

from markupsafe import Markup, escape

NARROWEST: Final = 296
"""Pixels: the width of a chart on a screen of 360 pixels."""

FONT_SIZE: Final = 12
LINE_HEIGHT: Final = 15

# Shares of the font's size, measured in DejaVu Sans, which is broader than what most systems have.
_NARROW: Final = 0.34
_SLIM: Final = 0.42
_USUAL: Final = 0.64
_CAPITAL: Final = 0.75
_BROAD: Final = 0.95
_SQUARE: Final = 1.1
_NARROW_LETTERS: Final = frozenset(" .,:;'|!()[]iIlj·-")
_SLIM_LETTERS: Final = frozenset("tfr")
_BROAD_LETTERS: Final = frozenset("<>+=−mwMWжшщюмыфЖШЩЮМЫФ@%—…")
_FIRST_SQUARE_LETTER: Final = 0x1100

Attribute = str | int | float | None


def element(name: str, *children: str, **attributes: Attribute) -> Markup:
    """Return an element.

    Args:
        name: of the element.
        children: elements, or texts, which are escaped.
        attributes: `text_anchor` stands for `text-anchor` and `class_` for `class`; None is left out.
    """
    written = "".join(
        f' {_attribute_name(key)}="{escape(_value(value))}"' for key, value in attributes.items() if value is not None
    )
    content = "".join(map(escape, children))
    return Markup(f"<{name}{written}>{content}</{name}>")  # noqa: S704 - names are our own, the rest is escaped


@cache
def _attribute_name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def drawing(children: Iterable[str], *, height: float, title: str, description: str, kind: str, links: bool) -> Markup:
    """Return a whole chart.

    Args:
        children: the elements.
        height: in pixels.
        title: the name that a screen reader says.
        description: one or two sentences that say what the chart shows.
        kind: the class of the chart.
        links: whether it contains links. A picture (`role="img"`) hides what is in it from a screen reader, so a chart
            with links is a group.
    """
    return element(
        "svg",
        element("desc", description),
        *children,
        role="group" if links else "img",
        aria_label=title,
        aria_description=description,
        class_=f"chart chart-{kind}",
        width="100%",
        height=height,
    )


def stretched(children: Iterable[str], *, left: float, width: float, height: float, top: float = 0) -> Markup:
    """Return a nested drawing, 100 units wide, that is stretched from `left` over `width` (percentages)."""
    return element(
        "svg",
        *children,
        x=percent(left),
        y=top,
        width=percent(width),
        height=height,
        viewBox=f"0 0 100 {_value(height)}",
        preserveAspectRatio="none",
    )


def link(href: str | None, label: str, *children: str, tab_stop: bool = True, class_: str | None = None) -> Markup:
    """Return the children as a link with a tooltip; without an address, as a group with a tooltip."""
    tooltip = element("title", label)
    if href is None:
        return element("g", tooltip, *children, class_=class_)
    # the tooltip is its name; as `aria-label` it would have to begin with the text that is drawn (WCAG 2.5.3)
    return element("a", tooltip, *children, href=href, class_=class_, tabindex=None if tab_stop else -1)


def percent(share_of_100: float) -> str:
    """Return a position as a percentage of the width."""
    return f"{_value(share_of_100)}%"


def text_width(text: str, size: float = FONT_SIZE) -> float:
    """Estimate the width of a text in pixels, rather too wide than too narrow."""
    return sum(_letter_width(letter) for letter in text) * size


def shorten(text: str, width: float, size: float = FONT_SIZE) -> str:
    """Return the text, cut with an ellipsis if it is wider than `width` pixels."""
    if text_width(text, size) <= width:
        return text
    while text and text_width(f"{text}…", size) > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def wrap(text: str, width: float, lines: int, size: float = FONT_SIZE) -> list[str]:
    """Return the text in at most `lines` lines of `width` pixels, broken between words; the last one may be cut."""
    words, broken = text.split(), [""]
    for word in words:
        longer = f"{broken[-1]} {word}".strip()
        if not broken[-1] or text_width(longer, size) <= width or len(broken) == lines:
            broken[-1] = longer
        else:
            broken.append(word)
    return [shorten(line, width, size) for line in broken]


def _letter_width(letter: str) -> float:
    if letter in _NARROW_LETTERS:
        return _NARROW
    if ord(letter) >= _FIRST_SQUARE_LETTER and letter not in _BROAD_LETTERS:
        return _SQUARE
    if letter in _SLIM_LETTERS:
        return _SLIM
    if letter in _BROAD_LETTERS:
        return _BROAD
    return _CAPITAL if letter.isupper() else _USUAL


def _value(value: str | float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
