"""Examine the policy and campaigns: what is active, what is configured, and whether they fit each other."""

from typing import Final

from agents.doctor.cluster import Cluster
from agents.doctor.finding import Finding, good, split_remedy, warning, wrong
from state.config.active_rules import ActiveRules, Outcome
from state.config.campaigns import Campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy
from state.units.counts import counted
from streams.kafka.control import ControlRecord, apply_rules, read_control, replay_of
from streams.settings.rules_files import configured_campaigns, configured_policy, missing_segments

_REFUSED: Final = (Outcome.REFUSED, Outcome.INVALID)


async def check_rules(cluster: Cluster) -> list[Finding]:
    """Compare the active policy and campaigns with the configured ones, and campaigns with the policy's segments."""
    try:
        policy = configured_policy(cluster.settings)
        campaigns = configured_campaigns(cluster.settings, policy)
    except ConfigErrors as errors:
        return [split_remedy("rules", error) for error in errors.errors]
    records = await read_control(cluster.settings) if cluster.topics.control in cluster.counts else []
    rules, findings = _replay(records)
    replayed = replay_of(records)
    if replayed is not None and not replayed.done:
        message = f"a replay of {replayed.of} into {cluster.settings.prefix} has not ended"
        findings.append(warning("rules", message, "let it end, or repeat the command: workers wait for it"))
    if rules.policy is None:
        findings.append(_not_yet(cluster, policy, campaigns))
        return findings
    findings.extend(_compare("policy", rules.policy, policy))
    if rules.campaigns is not None:
        findings.extend(_compare("campaigns", rules.campaigns, campaigns))
        findings.extend(_check_segments(rules.campaigns, rules.policy))
    if not findings:
        findings.append(good("rules", f"{_active(rules.policy, rules.campaigns)} active, as configured"))
    return findings


def _active(policy: Policy, campaigns: Campaigns | None) -> str:
    return f"policy {policy.ref} is" if campaigns is None else f"policy {policy.ref} and campaigns {campaigns.ref} are"


def _not_yet(cluster: Cluster, policy: Policy, campaigns: Campaigns) -> Finding:
    partitions = cluster.counts.get(cluster.topics.journal, cluster.settings.partitions)
    message = (
        f"nothing is active yet; the first worker will activate policy {policy.ref} and campaigns {campaigns.ref}, "
        f"and fix permanently: time zone {policy.timezone}, currency {policy.currency}, "
        f"window {policy.window_days} days, {counted(partitions, 'partition')}"
    )
    return warning("rules", message, "if that is not meant, run `goldstream init` before the first start")


def _replay(records: list[ControlRecord]) -> tuple[ActiveRules, list[Finding]]:
    rules, findings = ActiveRules(), []
    for record in records:
        decision = apply_rules(rules, record)
        if decision is not None and decision.outcome in _REFUSED:
            message = f"the {record.kind} at offset {record.offset} of control has no effect: {decision.errors[0]}"
            findings.append(warning("rules", message, "nothing, if a later one replaced it; else apply it again"))
    return rules, findings


def _compare(kind: str, active: Policy | Campaigns, configured: Policy | Campaigns) -> list[Finding]:
    if active.ref == configured.ref and active.contents() == configured.contents():
        return []
    variable = f"GOLDSTREAM_{kind.upper()}"
    remedy = f"apply that (`goldstream {kind} apply FILE`), or name the active one in {variable}"
    return [warning("rules", f"active is {kind} {active.ref}, not the configured {configured.ref}", remedy)]


def _check_segments(campaigns: Campaigns, policy: Policy) -> list[Finding]:
    return [
        wrong("rules", f"{campaigns.ref} does not fit {policy.ref}: {error}", "apply campaigns that fit")
        for error in missing_segments(campaigns, policy)
    ]
