"""Draw flows between segments: from the left column to the right one, a band per cause, as wide as its customers."""

from collections.abc import Callable, Sequence
from typing import Final

from markupsafe import Markup

from agents.serve.pages.charts.flow_layout import REST, Band, Flow, Node, lay_out
from agents.serve.pages.charts.segment_look import SegmentLook
from agents.serve.pages.charts.svg import (
    LINE_HEIGHT,
    NARROWEST,
    drawing,
    element,
    link,
    percent,
    stretched,
    wrap,
)

_LABELS: Final = 29.0
"""The width of a column of labels, as a percentage."""

_BAR: Final = 1.2
_LABEL_LINES: Final = 2
_LABEL_GAP: Final = 6
_MARGIN: Final = 6.0
_HEAD: Final = 26.0
_MIN_TAB_STOP: Final = 24.0
"""Pixels below which a band is no target of its own for a finger or the tabulator key: the table has the same link."""


def flow_chart(
    flows: Sequence[Flow],
    segments: Sequence[SegmentLook],
    *,
    rest_title: str,
    heads: tuple[str, str],
    write: Callable[[int], str],
    title: str,
    description: str,
) -> Markup:
    """Return the chart; empty without customers.

    Args:
        flows: by segments and cause.
        segments: all of them, best first.
        rest_title: says that a bar stands for all the others.
        heads: above the columns.
        write: writes a number of customers.
        title: the name of the chart.
        description: what it shows, in a sentence.
    """
    if not any(flow.customers > 0 for flow in flows):
        return Markup("")
    width = NARROWEST * _LABELS / 100 - _LABEL_GAP
    looks = {name: SegmentLook(name, name, "") for flow in flows for name in (flow.source, flow.target)}
    looks |= {look.name: look for look in segments} | {REST: SegmentLook(REST, rest_title, "")}
    labels = {name: wrap(look.title, width, _LABEL_LINES) for name, look in looks.items()}
    layout = lay_out(flows, [look.name for look in segments], {name: len(lines) + 1 for name, lines in labels.items()})
    top = _HEAD + _MARGIN
    bands = element(
        "g", *(_band(band, top) for band in sorted(layout.bands, key=lambda band: -band.thickness)), class_="flows"
    )
    height = layout.height + top + _MARGIN
    left, right = _LABELS + _BAR, 100 - _LABELS - _BAR
    return drawing(
        [
            _head(heads[0], percent(_LABELS), -_LABEL_GAP, "end"),
            _head(heads[1], percent(100 - _LABELS), _LABEL_GAP, "start"),
            stretched([bands], left=left, width=right - left, height=height),
            *(
                _node(node, looks[node.name].css, labels[node.name], write(node.customers), top, is_source=is_source)
                for nodes, is_source in ((layout.sources, True), (layout.targets, False))
                for node in nodes
            ),
        ],
        height=height,
        title=title,
        description=description,
        kind="flows",
        links=True,
    )


def _head(text: str, x: str, dx: int, anchor: str) -> Markup:
    return element("text", text, x=x, dx=dx, y=LINE_HEIGHT, text_anchor=anchor, class_="axis-title")


def _band(band: Band, top: float) -> Markup:
    """Return a band: two curves with level ends."""
    left, right, thickness = band.left + top, band.right + top, band.thickness
    path = (
        f"M0 {left:.2f}C50 {left:.2f} 50 {right:.2f} 100 {right:.2f}V{right + thickness:.2f}"
        f"C50 {right + thickness:.2f} 50 {left + thickness:.2f} 0 {left + thickness:.2f}Z"
    )
    return link(
        band.flow.href,
        band.flow.label,
        element("path", d=path),
        tab_stop=thickness >= _MIN_TAB_STOP,
        class_=f"flow cause-{band.flow.cause}",
    )


def _node(node: Node, css: str, lines: list[str], figure: str, top: float, *, is_source: bool) -> Markup:
    """Return a segment's bar, and its label beside it: the title, and the number of customers below."""
    x, dx, anchor = (_LABELS, -_LABEL_GAP, "end") if is_source else (100 - _LABELS, _LABEL_GAP, "start")
    first = top + node.middle - LINE_HEIGHT * (len(lines) + 1) / 2 + LINE_HEIGHT * 0.78
    texts = [(text, None) for text in lines] + [(figure, "figure")]
    spans = [
        element("tspan", text, x=percent(x), dx=dx, y=first + LINE_HEIGHT * place, class_=class_)
        for place, (text, class_) in enumerate(texts)
    ]
    left = _LABELS if is_source else 100 - _LABELS - _BAR
    return element(
        "g",
        element("rect", x=percent(left), y=top + node.top, width=percent(_BAR), height=max(1.0, node.height)),
        element("text", *spans, text_anchor=anchor),
        class_=f"node {css}".rstrip(),
    )
