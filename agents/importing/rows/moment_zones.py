"""Choose the time zone of moments that have no offset."""

from collections.abc import Collection, Iterable

import msgspec

from agents.importing.columns.column_value import CellError, ColumnValue
from agents.importing.columns.dates.decision import DateDecision, decide_dates, moment_ms
from agents.importing.columns.zone_column import decide_zones
from agents.importing.columns.zones import ambiguous_zones, zone_of
from agents.importing.findings import Findings, ImportRefused, Question
from agents.importing.mapping.expression import Column, alternatives_of
from agents.importing.mapping.mapping import Mapping
from agents.importing.platforms.catalog import forms_of
from agents.importing.rows.cell_readers import part_reader
from agents.importing.rows.policy_info import PolicyInfo
from agents.importing.rows.row_source import RowSource


def needs_zone(decision: DateDecision) -> bool:
    """Whether some moments of a column have no offset; unknown, hence false, while its unit of time is in question."""
    question = decision.question
    if question is not None and any(choice.value.startswith("unix") for choice in question.choices):
        return False
    return decision.has_offset != "all"


def zone_meanings(
    source: RowSource, mapping: Mapping, policy: PolicyInfo, currencies: Collection[str], findings: Findings
) -> dict[str, str]:
    """Return what abbreviations with several meanings stand for in the columns of zones; ask if nothing tells."""
    field, meanings = mapping.fields.get("zone"), dict[str, str]()
    for part in alternatives_of(field) if field is not None else ():
        if not isinstance(part, Column):
            continue
        cell = source.cell(part.name)
        extract = part_reader(part.extract) if part.extract else str
        values = (
            value._replace(text=text)
            for value in source.staging.values(cell.table, cell.name)
            if (text := extract(value.text)) is not None
        )
        given = mapping.timezone or policy.timezone or ""
        decision = decide_zones(values, "zone", given=given, currencies=currencies)
        meanings |= decision.meanings
        for each in decision.assumptions:
            findings.assume(each.subject, each.value, each.evidence, each.option)
        if decision.question is not None:
            findings.ask(decision.question)
    return meanings


def decide_zone_names(
    decisions: Iterable[DateDecision], given: str, currencies: Collection[str], findings: Findings
) -> None:
    """Decide what abbreviations with several meanings stand for in columns of moments; ask if nothing tells.

    Args:
        decisions: about the columns; their formats receive the meanings.
        given: IANA name of the zone that the user or the policy gives; empty: none.
        currencies: ISO codes of the file's currencies.
        findings: receives assumptions and questions.
    """
    for decision in decisions:
        if decision.format is None or ambiguous_zones().keys().isdisjoint(decision.zone_names):
            continue
        names = (value._replace(text=name) for name, value in decision.zone_names.items())
        found = decide_zones(names, given=given, currencies=currencies)
        decision.format = msgspec.structs.replace(decision.format, zones=tuple(found.meanings.items()))
        for each in found.assumptions:
            if each.subject != "zone":  # the column states its other names itself
                findings.assume(each.subject, each.value, each.evidence, each.option)
        if found.question is not None:
            findings.ask(found.question)


def choose_zone(mapping: Mapping, policy: PolicyInfo, findings: Findings, column: str) -> str:
    """Return the zone of moments without an offset; empty if it must be asked for."""
    if mapping.timezone:
        is_usual = any(form.mapping.timezone == mapping.timezone for form in forms_of(mapping.platform))
        evidence = f"the zone of all files of {mapping.platform}" if is_usual else "given"
        findings.assume("timezone", mapping.timezone, f"{evidence}; {column} names none", "--timezone")
        return mapping.timezone
    if policy.timezone:
        evidence = f"the zone of the policy, because {column} names none"
        findings.assume("timezone", policy.timezone, evidence, "--timezone")
        return policy.timezone
    findings.ask(
        Question(
            "timezone",
            f"In which time zone are the times in {column}? They name none, and the policy's file neither.",
            "timezone",
            (),
            "--timezone, such as --timezone Europe/Moscow",
        )
    )
    return ""


def with_constant_moment(mapping: Mapping, policy: PolicyInfo, findings: Findings) -> Mapping:
    """Return a mapping with a moment for all rows in milliseconds, if it has one.

    Raises:
        ImportRefused: it is no moment, or can be two.
    """
    text = mapping.constants.get("occurred_at")
    if text is None or "occurred_at" in mapping.fields:
        return mapping
    decision = decide_dates([ColumnValue(text, 1, 0)], "occurred_at", time_format=mapping.time_format or None)
    if decision.format is None:
        raise ImportRefused(f"set.occurred_at can be two dates: got {text!r}; write it as 2025-05-12")
    if names := ambiguous_zones().keys() & decision.zone_names.keys():
        raise ImportRefused(f"set.occurred_at: {min(names)} has several meanings; write the offset, such as +05:30")
    zone = "UTC"
    if decision.has_offset == "none":
        zone = choose_zone(mapping, policy, findings, "set.occurred_at") or "UTC"
    try:
        moment = moment_ms(text, decision.format, zone_of(zone))
    except CellError as error:
        raise ImportRefused(f"set.occurred_at {error}") from None
    return msgspec.structs.replace(mapping, constants=mapping.constants | {"occurred_at": str(moment)})
