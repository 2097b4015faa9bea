"""The metrics and labels that a PromQL expression names, to compare rules and panels with what a worker exposes."""

import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

_SELECTOR: Final = re.compile(r"\b(goldstream_\w+)(?:\s*\{([^}]*)\})?")
_MATCHER: Final = re.compile(r"([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=)\s*\"")
_GROUPING: Final = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
_AGGREGATION: Final = re.compile(r"\bby\s*\(([^)]*)\)")
_LEGEND: Final = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_ALERT_TEXT: Final = re.compile(r"\$labels\.(\w+)")
_HISTOGRAM_SUFFIXES: Final = ("_bucket", "_count", "_sum")
TARGET_LABELS: Final = frozenset({"job", "instance"})


class Use(NamedTuple):
    """A metric in an expression, with the labels of its selector."""

    metric: str
    labels: frozenset[str]


def uses(expression: str) -> Iterator[Use]:
    """Yield every metric of Goldstream in a PromQL expression."""
    for name, matchers in _SELECTOR.findall(expression):
        yield Use(name, frozenset(_MATCHER.findall(matchers)))


def _split(groups: list[str]) -> frozenset[str]:
    return frozenset(label.strip() for group in groups for label in group.split(",") if label.strip())


def grouping_labels(expression: str) -> frozenset[str]:
    """Return the labels that an expression groups or joins by."""
    return _split(_GROUPING.findall(expression))


def kept_labels(expression: str) -> frozenset[str] | None:
    """Return the labels in the result of an aggregating expression; None if it keeps all of them."""
    groups = _AGGREGATION.findall(expression)
    return _split(groups) if groups and "group_left" not in expression else None


def legend_labels(legend: str) -> frozenset[str]:
    """Return the labels in the legend of a panel."""
    return frozenset(_LEGEND.findall(legend))


def alert_text_labels(text: str) -> frozenset[str]:
    """Return the labels of its series that the text of an alert shows."""
    return frozenset(_ALERT_TEXT.findall(text))


def labels_of(use: Use, known: Mapping[str, tuple[str, tuple[str, ...]]]) -> frozenset[str]:
    """Return the labels of the series of `use`.

    Args:
        use: a metric as an expression names it, a histogram's by its `_bucket`, `_count` or `_sum`.
        known: kind and labels of every metric by its name.

    Raises:
        KeyError: no such series is exposed.
    """
    if use.metric in known and known[use.metric][0] != "histogram":
        return frozenset(known[use.metric][1]) | TARGET_LABELS
    for suffix in _HISTOGRAM_SUFFIXES:
        histogram = use.metric.removesuffix(suffix)
        if histogram != use.metric and known.get(histogram, ("", ()))[0] == "histogram":
            bounds = {"le"} if suffix == "_bucket" else set()
            return frozenset(known[histogram][1]) | TARGET_LABELS | bounds
    raise KeyError(use.metric)
