"""The policy: edges of recency, frequency and monetary, the segments of their cells, and the rates of other currencies.

A policy is one frozen value, read from a TOML file and checked as a whole. A measure with n edges has n + 1 scores,
counted from 1, best is highest. Edges are kept both exact, in the unit in which they are compared (milliseconds, minor
units), and as the policy writes them, as changes quote them.
"""

import re
from bisect import bisect_right
from collections.abc import Collection
from decimal import Decimal
from itertools import pairwise
from typing import Final

from msgspec import Struct

from state.config.config_errors import ConfigErrors, format_value
from state.config.segments import (
    POTENTIAL,
    CellTable,
    Segment,
    SegmentRule,
    build_cell_table,
    check_coverage,
    read_rules,
    read_segments,
)
from state.config.toml_reader import (
    MAX_DAYS,
    MAX_INTEGER,
    Table,
    TomlNumber,
    describe_range,
    is_integer,
    read_number,
    read_toml,
)
from state.units.money import DIGITS
from state.units.timestamps import DAY_MS

__all__ = [
    "POTENTIAL",
    "POTENTIAL_CELL",
    "Policy",
    "Segment",
    "SegmentRule",
    "parse_policy",
    "scores_of",
]

POTENTIAL_CELL: Final = "000"
"""The cell of `potential`."""

MIN_EDGES: Final = 2
MAX_EDGES: Final = 9
EXACT_DIGITS: Final = 15
"""A number of so many digits is the same to every reader of JSON."""
MAX_MAJOR: Final = 10**12
MAX_POLICY_RATE: Final = 10**12
MAX_RATE_TEXT: Final = 64
_DEFAULT_WINDOW: Final = TomlNumber("365", Decimal(365))
_DEFAULT_SEEKER_SHARE: Final = TomlNumber("0.5", Decimal("0.5"))
_SCORES: Final = range(MAX_EDGES + 2)
CELLS: Final = tuple(tuple(tuple(f"{r}{f}{m}" for m in _SCORES) for f in _SCORES) for r in _SCORES)
"""Three scores as they are written: `CELLS[3][2][1]` is `"321"`."""
_SCORES_OF: Final = {f"{r}{f}{m}": (r, f, m) for r in _SCORES for f in _SCORES for m in _SCORES if r and f and m}
_RATE = re.compile(r"[0-9]+(?:\.[0-9]+)?")


class Policy(Struct, frozen=True):
    """A checked policy.

    Attributes:
        ref: name and version, as changes carry it: `retail-27@1`.
        currency: the base currency; `digits` are its minor ones.
        window_days: as written; `window_ms` is the same, a begun millisecond as a whole one.
        timezone: of the shop's days.
        recency_edges_ms: ages in milliseconds, lowest first; an age at an edge lies above it.
        monetary_edges_minor: sums in minor units of the base currency.
        recency_edges_text: the thresholds as the policy writes them, valid JSON numbers, as are `frequency_edges_text`
            and `monetary_edges_text`.
        segments: best first, by their first rule; without `potential`.
        segment_names: the same names and, last, `potential`.
        rules: in the order of the policy, the first that fits wins.
        rates: price of one major unit of another currency in the base currency.
        seeker_share: the discount share from which a customer is a discount seeker.
        table: the rules laid out by cell.
        text: the file.
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
    table: CellTable
    text: str

    def score_recency(self, age_ms: int) -> int:
        """Score the time since the latest order: best below the first edge, 1 from the last edge on."""
        edges = self.recency_edges_ms
        return len(edges) + 1 - bisect_right(edges, age_ms)

    def score_frequency(self, orders: int) -> int:
        """Score the orders in the window: 1 below the first edge, best from the last edge on."""
        return bisect_right(self.frequency_edges, orders) + 1

    def score_monetary(self, minor: int) -> int:
        """Score the sum in the window: 1 below the first edge (so below 0), best from the last edge on."""
        return bisect_right(self.monetary_edges_minor, minor) + 1

    def cell(self, r: int, f: int, m: int) -> str:
        """Write three scores as a cell, `"000"` for 0, 0, 0; `scores_of` reads it back."""
        return CELLS[r][f][m]

    def segment_of(self, r: int, f: int, m: int, lifetime_orders: int) -> str:
        """The first segment that takes these scores and this many lifetime orders; `potential` for 0, 0, 0."""
        if not r:
            return POTENTIAL
        for orders_max, name in self.table[r][f][m]:
            if lifetime_orders <= orders_max:
                return name
        raise AssertionError(f"cell {r}{f}{m} is not covered: no such policy is ever made")

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
        }


def scores_of(cell: str) -> tuple[int, int, int]:
    """Read a cell back into its scores. As no score is 0, `"1021"` can only be 10, 2 and 1.

    Raises:
        ValueError: the text is no cell.
    """
    scores = (0, 0, 0) if cell == POTENTIAL_CELL else _SCORES_OF.get(cell)
    if scores is None:
        raise ValueError(f"a cell is three scores from 1 to 10, or 000: got {format_value(cell)}")
    return scores


def parse_policy(text: str, zones: Collection[str] | None = None) -> Policy:
    """Read a policy.

    Args:
        text: the TOML file.
        zones: the time zones that are known here; by default any name that looks like one is taken.

    Raises:
        Faults: everything that is wrong with the file.
    """
    errors: list[str] = []
    file = Table(read_toml(text), errors)
    name = file.name()
    version = file.integer("version", required=True) or 0
    currency = _read_currency(file)
    window = file.number("window_days", MAX_DAYS) or _DEFAULT_WINDOW
    timezone = file.time_zone(zones)
    recency = _read_edges(file, "recency_days", MAX_DAYS)
    frequency = _read_edges(file, "frequency", MAX_INTEGER, whole=True)
    monetary = _read_edges(file, "monetary", MAX_MAJOR)
    widths = (len(recency) + 1, len(frequency) + 1, len(monetary) + 1)
    entries = file.tables("segment", required=True)
    rules = read_rules(entries, widths)
    segments = read_segments(entries)
    for entry in entries:
        entry.reject_unknown_keys()
    table: CellTable = ()
    if recency and frequency and monetary and rules:
        table = build_cell_table(rules, widths)
        check_coverage(file, table, widths)
    rates = _read_rates(file, currency)
    seeker_share = _read_traits(file)
    file.reject_unknown_keys()
    if errors:
        raise ConfigErrors(errors)
    digits = DIGITS[currency]
    return Policy(
        name=name,
        version=version,
        ref=f"{name}@{version}",
        currency=currency,
        digits=digits,
        window_days=window.text,
        window_ms=window.to_units(DAY_MS),
        timezone=timezone,
        recency_edges_ms=tuple(edge.to_units(DAY_MS) for edge in recency),
        frequency_edges=tuple(edge.to_units(1) for edge in frequency),
        monetary_edges_minor=tuple(edge.to_units(10**digits) for edge in monetary),
        recency_edges_text=tuple(edge.text for edge in recency),
        frequency_edges_text=tuple(edge.text for edge in frequency),
        monetary_edges_text=tuple(edge.text for edge in monetary),
        segments=segments,
        segment_names=(*(segment.name for segment in segments), POTENTIAL),
        rules=rules,
        rates=rates,
        seeker_share=seeker_share,
        table=table,
        text=text,
    )


def _read_currency(file: Table) -> str:
    value = file.get("currency", required=True)
    if isinstance(value, str) and value in DIGITS:
        return value
    if value is not None:
        file.expect("currency", "an ISO 4217 code, such as RUB", value)
    return ""


def _read_edges(file: Table, measure: str, most: int, *, whole: bool = False) -> list[TomlNumber]:
    """Read the edges of a measure; none if anything is wrong with them."""
    table = file.table(measure, required=True)
    if table is None:
        return []
    value = table.get("edges", required=True)
    table.reject_unknown_keys()
    if value is None:
        return []
    if not isinstance(value, list) or not MIN_EDGES <= len(value) <= MAX_EDGES:
        table.expect("edges", f"a list of {MIN_EDGES} to {MAX_EDGES} numbers", value)
        return []
    edges: list[TomlNumber] = []
    for item in value:
        edge = read_number(item)
        if edge is None or not edge.is_within(most) or (whole and not is_integer(item)):
            wanted = f"a whole number from 1 to {most}" if whole else describe_range(most)
            table.add_error("edges", f"must each be {wanted}: got {format_value(item)}")
        else:
            edges.append(edge)
    if len(edges) < len(value):
        return []
    if any(len(edge.value.normalize().as_tuple().digits) > EXACT_DIGITS for edge in edges):
        table.add_error(
            "edges",
            f"must have at most {EXACT_DIGITS} digits each, so that changes can quote them: got {format_value(value)}",
        )
    if any(low.value >= high.value for low, high in pairwise(edges)):
        table.add_error("edges", f"must rise: got {format_value(value)}")
        return []
    return edges


def _read_rates(file: Table, base: str) -> dict[str, Decimal]:
    """Read the rates, numbers or texts of numbers."""
    table = file.table("rates")
    rates: dict[str, Decimal] = {}
    if table is None:
        return rates
    for currency in table.content:
        value = table.get(currency)
        if currency not in DIGITS:
            table.add_error(currency, "is no known currency; use its ISO 4217 code, such as EUR")
            continue
        if currency == base:
            table.add_error(currency, "is the base currency and needs no rate; take it out")
            continue
        rate = _read_rate(value)
        if rate is None or not rate.is_within(MAX_POLICY_RATE):
            table.expect(currency, f'{describe_range(MAX_POLICY_RATE)}, such as "98.40"', value)
        else:
            rates[currency] = rate.value
    return rates


def _read_traits(file: Table) -> float:
    """Read by what customers are told apart: the share of a discount seeker."""
    table = file.table("traits")
    if table is None:
        return float(_DEFAULT_SEEKER_SHARE.value)
    share = table.number("discount_share", 1) or _DEFAULT_SEEKER_SHARE
    table.reject_unknown_keys()
    return float(share.value)


def _read_rate(value: object) -> TomlNumber | None:
    if isinstance(value, str):
        return TomlNumber(value, Decimal(value)) if len(value) <= MAX_RATE_TEXT and _RATE.fullmatch(value) else None
    return read_number(value)
