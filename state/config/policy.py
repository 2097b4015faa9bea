"""The policy: thresholds of recency, frequency and monetary, segments, and rates of other currencies.

A measure with n thresholds has n + 1 scores, from 1 to the best. A policy holds its thresholds twice: exactly, in the
unit in which they are compared (milliseconds, minor units), and as the file writes them, for `why` in segment changes.
"""

from decimal import Decimal
from typing import Final

from msgspec import Struct

from state.config.config_errors import format_value
from state.config.segments import CellTable, Segment, SegmentRule

POTENTIAL_CELL: Final = "000"
"""The cell of `potential`."""

MAX_EDGES: Final = 9
"""Maximum number of thresholds of a measure."""

_SCORES: Final = range(MAX_EDGES + 2)
CELLS: Final = tuple(tuple(tuple(f"{r}{f}{m}" for m in _SCORES) for f in _SCORES) for r in _SCORES)
"""A cell by its three scores: `CELLS[3][2][1]` is `"321"`."""
_SCORES_OF: Final = {f"{r}{f}{m}": (r, f, m) for r in _SCORES for f in _SCORES for m in _SCORES if r and f and m}


class Policy(Struct, frozen=True):
    """A valid policy.

    Attributes:
        ref: Name and version, as in segment changes: `retail-27@1`.
        currency: The base currency.
        digits: Digits of the base currency after the decimal point.
        window_days: As the file writes it.
        window_ms: The same in milliseconds, rounded up.
        timezone: IANA name of the zone that defines the shop's days.
        recency_edges_ms: Thresholds in ascending order. An age at a threshold is above it.
        frequency_edges: Likewise, in orders.
        monetary_edges_minor: Likewise, in minor units of the base currency.
        recency_edges_text: The thresholds as the file writes them, valid JSON numbers, as are `frequency_edges_text`
            and `monetary_edges_text`.
        segments: Best first, in the order of their first rules; without `potential`.
        segment_names: Their names, then `potential`.
        rules: In the order of the file. The first match wins.
        rates: Price of one major unit of another currency in the base currency.
        seeker_share: The discount share from which a customer is a discount seeker.
        golden: The segment whose share the health of the base includes: that of `[health]`, else that of the best cell.
        table: The rules by cell.
        text: The file.
    """

    name: str
    version: int
    ref: str
    currency: str
    digits: int
    window_days: str
    window_ms: int
    timezone: str
    recency_edges_ms: tuple[int, ...]
    frequency_edges: tuple[int, ...]
    monetary_edges_minor: tuple[int, ...]
    recency_edges_text: tuple[str, ...]
    frequency_edges_text: tuple[str, ...]
    monetary_edges_text: tuple[str, ...]
    segments: tuple[Segment, ...]
    segment_names: tuple[str, ...]
    rules: tuple[SegmentRule, ...]
    rates: dict[str, Decimal]
    seeker_share: float
    golden: str
    table: CellTable
    text: str

    def contents(self) -> dict[str, object]:
        """Return what the file sets besides name and version, by its keys; layout and comments make no difference."""
        return {
            "currency": self.currency,
            "window_days": self.window_ms,
            "timezone": self.timezone,
            "recency_days": self.recency_edges_text,
            "frequency": self.frequency_edges_text,
            "monetary": self.monetary_edges_text,
            "segment": (self.segments, self.rules),
            "rates": self.rates,
            "traits": self.seeker_share,
            "health": self.golden,
        }


def json_number(text: str) -> int | float:
    """Return a threshold or the window, as the file writes it, as a number for JSON."""
    return int(text) if text.isdecimal() else float(text)


def scores_of(cell: str) -> tuple[int, int, int]:
    """Return the scores of a cell. No score is 0, so `"1021"` can only be 10, 2 and 1.

    Raises:
        ValueError: The text is not a cell.
    """
    scores = (0, 0, 0) if cell == POTENTIAL_CELL else _SCORES_OF.get(cell)
    if scores is None:
        raise ValueError(f"a cell is three scores from 1 to 10, or 000: got {format_value(cell)}")
    return scores
