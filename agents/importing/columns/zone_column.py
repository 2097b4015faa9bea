"""Decide what the abbreviations in a column of time zones stand for, from all that the file says."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from agents.importing.columns.column_value import ColumnValue, FirstValues, example, is_missing, keep_first
from agents.importing.columns.zones import ZoneMeaning, ambiguous_zones, read_zone, zone_of
from agents.importing.findings import Assumption, Choice, Question

_SEASONS: Final = (datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC))


@dataclass(slots=True)
class ZoneDecision:
    """What was found out about a column of time zones; cells without a meaning here are read by `read_zone`.

    Attributes:
        meanings: abbreviation to offset, of those with several meanings.
        assumptions: what its abbreviations stand for.
        question: what an abbreviation stands for that nothing decides; None: all are decided.
        unreadable: the first ten texts that are no time zones.
        unreadable_cells: the number of their cells.
        missing_cells: cells that stand for the absence of a value.
    """

    meanings: dict[str, str] = field(default_factory=dict)
    assumptions: list[Assumption] = field(default_factory=list)
    question: Question | None = None
    unreadable: list[ColumnValue] = field(default_factory=list)
    unreadable_cells: int = 0
    missing_cells: int = 0


def decide_zones(
    values: Iterable[ColumnValue], subject: str = "zone", *, given: str = "", currencies: Collection[str] = ()
) -> ZoneDecision:
    """Find out which time zones a column names.

    Of the meanings of an abbreviation, the given zone decides, otherwise the abbreviations beside it, otherwise the
    currencies of the file.

    Args:
        values: All texts of the column.
        subject: The field; it names the findings.
        given: IANA name of the zone that the user or the policy gives; empty: none.
        currencies: ISO codes of the file's currencies.
    """
    decision = ZoneDecision()
    unreadable = FirstValues()
    texts = list(values)
    names = {value.text.upper() for value in texts}
    zones: dict[str, ColumnValue] = {}
    for value in texts:
        meanings = ambiguous_zones().get(value.text.upper())
        zone = _decide(decision, value, meanings, names, given, currencies) if meanings else read_zone(value.text)
        if zone is not None:
            if value.text != zone:
                keep_first(zones, f"{value.text} is {zone}", value)
        elif is_missing(value.text):
            decision.missing_cells += value.count
        elif not meanings:
            unreadable.add(value)
    decision.unreadable, decision.unreadable_cells = unreadable.values, unreadable.cells
    if zones:
        first = min(zones.values(), key=lambda value: value.first_line)
        shown = ", ".join(sorted(zones))
        decision.assumptions.insert(0, Assumption(subject, shown, example(first)))
    return decision


def _decide(
    decision: ZoneDecision,
    value: ColumnValue,
    meanings: tuple[ZoneMeaning, ...],
    names: set[str],
    given: str,
    currencies: Collection[str],
) -> str | None:
    """Return the offset of an abbreviation with several meanings, and say why; None: it must be asked."""
    name = value.text.upper()
    offsets = _offsets(given) if given else set[str]()
    others, money = ", ".join(sorted(names - {name})[:4]), ", ".join(sorted(currencies))
    reasons = (
        ([each for each in meanings if each.offset in offsets], f"the time zone given is {given}"),
        ([each for each in meanings if not names.isdisjoint(each.beside)], f"the column has {others} too"),
        ([each for each in meanings if not set(currencies).isdisjoint(each.currencies)], f"sums are in {money}"),
    )
    for found, evidence in reasons:
        if len(found) == 1:
            decision.meanings[name] = found[0].offset
            text = f"{found[0].offset}, as in {found[0].zone}"
            decision.assumptions.append(Assumption(f"zone.{name}", text, evidence, "--timezone"))
            return found[0].offset
    choices = tuple(Choice(each.zone, f"{value.text} is {each.offset}") for each in meanings)
    text = f"Of which zone is {value.text} in line {value.first_line}? Nothing in the file tells."
    listed = " or ".join(f"--timezone {each.zone}" for each in meanings)
    decision.question = Question("timezone", text, "timezone", choices, listed)
    return None


def _offsets(zone: str) -> set[str]:
    """Return the offsets of a zone in winter and summer, as `read_zone` writes them."""
    shown = {moment.astimezone(zone_of(zone)).strftime("%z") for moment in _SEASONS}
    return {f"{offset[:3]}:{offset[3:5]}" for offset in shown}
