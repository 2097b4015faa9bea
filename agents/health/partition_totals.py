"""Sum the totals of one day over the partitions, field by field, exactly."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

LABELS: Final = ("day", "timezone", "currency")
"""Fields that all partitions share; they are copied, not added."""


def sum_partitions(parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the totals of the day over all partitions.

    Numbers and money are added, in nested objects too; a missing field counts as 0. Money is text in major units and
    stays so, with as many digits. Unknown fields are added like the others, so that newer workers may publish more.
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
