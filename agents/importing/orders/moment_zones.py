"""Choose the time zone of moments that have no offset."""

from agents.importing.columns.dates import DateDecision
from agents.importing.findings import Question
from agents.importing.mapping.mapping import Mapping
from agents.importing.orders.column_decisions import Findings
from agents.importing.orders.policy_info import PolicyInfo


def needs_zone(decision: DateDecision) -> bool:
    """Whether some moments of a column have no offset; unknown, hence false, while its unit of time is in question."""
    question = decision.question
    if question is not None and any(choice.value.startswith("unix") for choice in question.choices):
        return False
    return decision.has_offset != "all"


def choose_zone(mapping: Mapping, policy: PolicyInfo, findings: Findings, column: str) -> str:
    """Return the zone of moments without an offset; empty if it must be asked for."""
    if mapping.timezone:
        findings.assume("timezone", mapping.timezone, f"given; {column} names none", "--timezone")
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
