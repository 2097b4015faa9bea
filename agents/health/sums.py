"""Totals of one day, added up over the partitions, field by field, exactly."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

LABELS: Final = ("day", "timezone", "currency")
"""What the partitions have in common, and what is not added."""


def summed(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The day of all partitions: numbers and money added, in objects too; what one does not have counts as nothing.

    Money is text in major units and stays so, with as many digits. Fields that are not known here are added like the
    others, so that a newer worker may tell more.
    """
    labels: dict[str, Any] = {}
    totals: dict[str, Any] = {}
    for part in parts:
        labels |= {name: part[name] for name in LABELS if name in part}
        _add(totals, {name: value for name, value in part.items() if name not in LABELS})
    return labels | totals


def _add(totals: dict[str, Any], part: Mapping[str, Any]) -> None:
    for name, value in part.items():
        if isinstance(value, dict):
            _add(totals.setdefault(name, {}), value)
        elif name not in totals:
            totals[name] = value
        elif isinstance(value, str):
            totals[name] = f"{Decimal(totals[name]) + Decimal(value):f}"
        else:
            totals[name] += value
