"""Read a policy from its TOML file, and report all errors of the file together."""

import re
from collections.abc import Collection, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from state.config.config_errors import ConfigErrors, format_value
from state.config.policy import MAX_EDGES, Policy
from state.config.segments import (
    POTENTIAL,
    CellTable,
    Segment,
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

MIN_EDGES: Final = 2
EXACT_DIGITS: Final = 15
"""Every JSON reader represents a number of this many digits exactly."""
MAX_MAJOR: Final = 10**12
MAX_POLICY_RATE: Final = 10**12
"""Not the limit of an event's own rate (`state.units.money.MAX_EVENT_RATE`): lowering this one would make policies in
existing journals invalid, raising that one would change which events are rejected."""
MAX_RATE_TEXT: Final = 64
_DEFAULT_WINDOW: Final = TomlNumber("365", Decimal(365))
_DEFAULT_SEEKER_SHARE: Final = TomlNumber("0.5", Decimal("0.5"))
_RATE = re.compile(r"[0-9]+(?:\.[0-9]+)?")


def parse_policy(text: str, zones: Collection[str] | None = None) -> Policy:
    """Return the policy of a TOML file.

    Args:
        text: The file's contents.
        zones: Valid time zones. By default, any name that looks like one is valid.

    Raises:
        ConfigErrors: All errors of the file.
    """
    errors: list[str] = []
    file = Table(read_toml(text), errors)
    name = file.name()
    version = file.integer("version", required=True) or 0
    currency = _read_currency(file)
    window = file.number("window_days", MAX_DAYS) or _DEFAULT_WINDOW
    timezone = file.time_zone(zones)
    recency, r_width = _read_edges(file, "recency_days", MAX_DAYS)
    frequency, f_width = _read_edges(file, "frequency", MAX_INTEGER, whole=True)
    monetary, m_width = _read_edges(file, "monetary", MAX_MAJOR)
    widths = (r_width, f_width, m_width)
    entries = file.tables("segment", required=True)
    rules = read_rules(entries, widths)
    segments = read_segments(entries)
    for entry in entries:
        entry.reject_unknown_keys()
    table: CellTable = ()
    if rules and min(widths) > 1:
        table = build_cell_table(rules, widths)
        check_coverage(file, table, widths)
    rates = _read_rates(file, currency)
    seeker_share = _read_traits(file)
    golden = _read_golden(file, segments, table)
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
        golden=golden,
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


def _read_edges(file: Table, measure: str, maximum: int, *, whole: bool = False) -> tuple[list[TomlNumber], int]:
    """Return the thresholds of a measure and its number of scores.

    After an error there are no thresholds. The number of scores is then that of the list, so that cells can be checked
    for coverage, or 1 if there is no list.
    """
    table = file.table(measure, required=True)
    if table is None:
        return [], 1
    value = table.get("edges", required=True)
    table.reject_unknown_keys()
    if value is None:
        return [], 1
    if not isinstance(value, list) or not MIN_EDGES <= len(value) <= MAX_EDGES:
        table.expect("edges", f"a list of {MIN_EDGES} to {MAX_EDGES} numbers", value)
        return [], 1
    width = len(value) + 1
    edges: list[TomlNumber] = []
    for item in value:
        edge = read_number(item)
        if edge is None or not edge.is_within(maximum) or (whole and not is_integer(item)):
            expected = f"a whole number from 1 to {maximum}" if whole else describe_range(maximum)
            table.add_error("edges", f"must each be {expected}: got {format_value(item)}")
        else:
            edges.append(edge)
    if len(edges) < len(value):
        return [], width
    if any(len(edge.value.normalize().as_tuple().digits) > EXACT_DIGITS for edge in edges):
        table.add_error(
            "edges",
            f"must each have at most {EXACT_DIGITS} digits, so that JSON readers get them exactly: got "
            f"{format_value(value)}",
        )
    if any(low.value >= high.value for low, high in pairwise(edges)):
        table.add_error("edges", f"must be in ascending order: got {format_value(value)}")
        return [], width
    return edges, width


def _read_rates(file: Table, base: str) -> dict[str, Decimal]:
    """Return the rates, which may be numbers or strings."""
    table = file.table("rates")
    rates: dict[str, Decimal] = {}
    if table is None:
        return rates
    for currency in table.content:
        value = table.get(currency)
        if currency not in DIGITS:
            table.add_error(currency, "is not a known currency; use an ISO 4217 code, such as EUR")
            continue
        if currency == base:
            table.add_error(currency, "is the base currency and needs no rate; remove it")
            continue
        rate = _read_rate(value)
        if rate is None or not rate.is_within(MAX_POLICY_RATE):
            table.expect(currency, f'{describe_range(MAX_POLICY_RATE)}, such as "98.40"', value)
        else:
            rates[currency] = rate.value
    return rates


def _read_traits(file: Table) -> float:
    """Return the discount share from which a customer is a discount seeker."""
    table = file.table("traits")
    if table is None:
        return float(_DEFAULT_SEEKER_SHARE.value)
    share = table.number("discount_share", 1) or _DEFAULT_SEEKER_SHARE
    table.reject_unknown_keys()
    return float(share.value)


def _read_golden(file: Table, segments: Sequence[Segment], cells: CellTable) -> str:
    """Return the segment whose share the health of the base includes: that of `[health]`, or of the best cell."""
    table = file.table("health")
    name = None if table is None else table.get("golden")
    if table is not None:
        table.reject_unknown_keys()
    names = [segment.name for segment in segments]
    if isinstance(name, str) and name in names:
        return name
    if name is not None and table is not None:
        table.expect("golden", f"one of the segments {', '.join(names)}", name)
    best = cells[-1][-1][-1] if cells else ()
    return best[-1][1] if best else ""


def _read_rate(value: object) -> TomlNumber | None:
    if isinstance(value, str):
        return TomlNumber(value, Decimal(value)) if len(value) <= MAX_RATE_TEXT and _RATE.fullmatch(value) else None
    return read_number(value)
