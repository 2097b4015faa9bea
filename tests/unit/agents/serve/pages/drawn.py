"""What a chart draws, measured on a plot of a given width: boxes of its rectangles, circles and texts, in pixels."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from xml.etree import ElementTree as ET

from agents.serve.pages.charts.svg import FONT_SIZE, text_width

_WIDE_FROM: Final = 736
"""Pixels of a plot on a screen of 50 rem, where the style sheet changes from narrow texts to wide ones."""
_HIDDEN: Final = {True: frozenset({"narrow"}), False: frozenset({"wide", "names"})}


class Box(NamedTuple):
    """A rectangle in pixels, and the text in it, if any."""

    left: float
    top: float
    right: float
    bottom: float
    text: str

    def overlaps(self, other: "Box") -> bool:
        """Return whether the two share more than an edge."""
        return (
            self.left < other.right - 0.01
            and other.left < self.right - 0.01
            and self.top < other.bottom - 0.01
            and other.top < self.bottom - 0.01
        )


def parse(svg: str) -> ET.Element:
    """Return the chart's root element."""
    return ET.fromstring(svg)  # noqa: S314 - of our own making


def height_of(root: ET.Element) -> float:
    """Return the chart's height in pixels."""
    return float(root.attrib["height"])


def boxes(root: ET.Element, width: float) -> list[Box]:
    """Return the boxes of what is shown at that width, but stretched drawings, and what appears on hovering."""
    return list(_boxes(root, width))


def labels(root: ET.Element, width: float) -> list[Box]:
    """Return the boxes of texts."""
    return [box for box in boxes(root, width) if box.text]


def path_points(root: ET.Element) -> list[tuple[float, float]]:
    """Return all points of paths, where x is from 0 to 100."""
    points: list[tuple[float, float]] = []
    for path in root.iter("path"):
        for command in re.findall(r"([MLCHVZ])([^MLCHVZ]*)", path.attrib["d"]):
            figures = [float(figure) for figure in re.findall(r"-?[\d.]+", command[1])]
            if command[0] in "MLC":
                points += list(zip(figures[::2], figures[1::2], strict=True))
            elif command[0] == "H":
                points.append((figures[0], points[-1][1]))
            elif command[0] == "V":
                points.append((points[-1][0], figures[0]))
    return points


def _boxes(parent: ET.Element, width: float) -> Iterator[Box]:
    for each in parent:
        if each.attrib.get("class") in {"tip", "hover"} or "viewBox" in each.attrib:
            continue
        if not _HIDDEN[width >= _WIDE_FROM].isdisjoint(each.attrib.get("class", "").split()):
            continue
        if each.tag == "rect":
            x, y = _pixels(each, "x", width), float(each.attrib["y"])
            yield Box(x, y, x + _pixels(each, "width", width), y + float(each.attrib["height"]), "")
        elif each.tag == "circle":
            x, y, r = _pixels(each, "cx", width), float(each.attrib["cy"]), float(each.attrib["r"])
            yield Box(x - r, y - r, x + r, y + r, "")
        elif each.tag in {"text", "tspan"} and each.text:
            yield _text_box(each, parent if each.tag == "tspan" else each, width)
        yield from _boxes(each, width)


def _text_box(each: ET.Element, anchored: ET.Element, width: float) -> Box:
    text = each.text or ""
    x, y = _pixels(each, "x", width) + float(each.attrib.get("dx", 0)), float(each.attrib["y"])
    wide = text_width(text)
    left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchored.attrib.get("text-anchor", "start")]
    return Box(left, y - FONT_SIZE * 0.8, left + wide, y + FONT_SIZE * 0.2, text)


def _pixels(each: ET.Element, name: str, width: float) -> float:
    value = each.attrib[name]
    return float(value[:-1]) * width / 100 if value.endswith("%") else float(value)
