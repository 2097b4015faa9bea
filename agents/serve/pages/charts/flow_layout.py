"""Lay out flows between segments in two columns: before on the left, after on the right.

Segments move in circles (loyal, at risk, loyal again), so a segment appears in both columns. A band's thickness is true
to its number of customers; a segment takes at least the height of its label, so that labels never overlap.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agents.serve.pages.charts.svg import LINE_HEIGHT

MAX_NODES: Final = 14
"""Segments in a column; the smallest ones beyond it are drawn as one."""

REST: Final = ""
"""The name of the node that stands for the smallest segments."""

BANDS_HEIGHT: Final = 300.0
"""Pixels of all bands together."""

_GAP: Final = 10.0


@dataclass(frozen=True, slots=True)
class Flow:
    """Customers who moved.

    Attributes:
        source: the segment before; `target` the one after.
        cause: the kind of cause, part of the band's class.
        customers: how many.
        label: the band in words, for its tooltip and for a screen reader.
        href: address of the customers.
    """

    source: str
    target: str
    cause: str
    customers: int
    label: str
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A segment in a column: its bar and the middle of its label, in pixels from the top."""

    name: str
    customers: int
    top: float
    height: float

    @property
    def middle(self) -> float:
        """Return where the label belongs."""
        return self.top + self.height / 2


@dataclass(frozen=True, slots=True)
class Band:
    """A band from its top at the left to its top at the right, of the same thickness throughout."""

    flow: Flow
    left: float
    right: float
    thickness: float


@dataclass(frozen=True, slots=True)
class FlowLayout:
    """Where everything is."""

    height: float
    sources: list[Node]
    targets: list[Node]
    bands: list[Band]


def lay_out(flows: Sequence[Flow], order: Sequence[str], label_lines: Mapping[str, int]) -> FlowLayout:
    """Return the layout of the flows that have customers.

    Args:
        flows: at least one with customers.
        order: all segments, best first.
        label_lines: lines of each segment's label.
    """
    rank = {name: place for place, name in enumerate(order)} | {REST: len(order)}
    shown = [flow for flow in flows if flow.customers > 0]
    scale = BANDS_HEIGHT / sum(flow.customers for flow in shown)
    source_name = _names_drawn(shown, lambda flow: flow.source)
    target_name = _names_drawn(shown, lambda flow: flow.target)
    by_source: defaultdict[str, list[Flow]] = defaultdict(list)
    by_target: defaultdict[str, list[Flow]] = defaultdict(list)
    for flow in shown:
        by_source[source_name[flow.source]].append(flow)
        by_target[target_name[flow.target]].append(flow)

    def place(name: str) -> int:
        return rank.get(name, -1)

    columns = [(by_source, sorted(by_source, key=place)), (by_target, sorted(by_target, key=place))]
    slots = [
        [max(_sum(flows_of[name]) * scale, label_lines.get(name, 1) * LINE_HEIGHT + 0.0) for name in names]
        for flows_of, names in columns
    ]
    height = max(sum(column) + _GAP * (len(column) - 1) for column in slots)
    nodes = [
        _nodes(names, [_sum(flows_of[name]) for name in names], column, scale, height)
        for (flows_of, names), column in zip(columns, slots, strict=True)
    ]
    left = _tops(nodes[0], by_source, scale, lambda flow: (place(target_name[flow.target]), flow.target, flow.cause))
    right = _tops(nodes[1], by_target, scale, lambda flow: (place(source_name[flow.source]), flow.source, flow.cause))
    bands = [Band(flow, left[id(flow)], right[id(flow)], flow.customers * scale) for flow in shown]
    return FlowLayout(height, nodes[0], nodes[1], bands)


def _names_drawn(flows: Sequence[Flow], name_of: Callable[[Flow], str]) -> dict[str, str]:
    """Return the node of each segment: itself, or `REST` for the smallest of too many."""
    customers: Counter[str] = Counter()
    for flow in flows:
        customers[name_of(flow)] += flow.customers
    own = len(customers) if len(customers) <= MAX_NODES else MAX_NODES - 1
    largest = {name for name, _ in customers.most_common(own)}
    return {name: name if name in largest else REST for name in customers}


def _nodes(names: list[str], customers: list[int], slots: list[float], scale: float, height: float) -> list[Node]:
    """Return a column's nodes, spread over the height."""
    spare = height - sum(slots)
    gap = min(_GAP * 3, spare / (len(slots) - 1)) if len(slots) > 1 else 0.0
    nodes, top = [], (height - sum(slots) - gap * (len(slots) - 1)) / 2
    for name, count, slot in zip(names, customers, slots, strict=True):
        nodes.append(Node(name, count, top + (slot - count * scale) / 2, count * scale))
        top += slot + gap
    return nodes


def _tops(
    nodes: Sequence[Node],
    flows_of: Mapping[str, list[Flow]],
    scale: float,
    key: Callable[[Flow], tuple[int, str, str]],
) -> dict[int, float]:
    """Return the top of each flow's band at its node, by the identity of the flow."""
    tops: dict[int, float] = {}
    for node in nodes:
        top = node.top
        for flow in sorted(flows_of[node.name], key=key):
            tops[id(flow)] = top
            top += flow.customers * scale
    return tops


def _sum(flows: Sequence[Flow]) -> int:
    return sum(flow.customers for flow in flows)
