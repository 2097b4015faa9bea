"""Activate a policy that came over HTTP, by the same rules as `goldstream policy apply`."""

from collections.abc import Callable
from typing import TypeVar

from agents.serve.lookups.answers import PolicyApplied
from agents.serve.lookups.refusals import LookupRefused
from state.config.active_rules import ActiveRules, Outcome
from state.config.campaigns import Campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy
from state.config.policy_reader import parse_policy
from streams.kafka.control import ControlRecord, append_control, read_control, reduce_control
from streams.kafka.needed_rights import describe_missing, find_missing_rights, publishing
from streams.settings.rules_files import missing_segments
from streams.settings.settings import Settings

File = TypeVar("File", Policy, Campaigns)


def parse_or_note(parse: Callable[[str], File], name: str, text: str | None, errors: list[str]) -> File | None:
    """Return the rules in a text; None without one, or with what is wrong added to `errors`."""
    if text is None:
        return None
    try:
        return parse(text)
    except ConfigErrors as invalid:
        errors += [f"{name}: {error}" for error in invalid.errors]
        return None


async def apply_policy(settings: Settings, text: str) -> PolicyApplied:
    """Activate a policy, unless it is active already.

    Raises:
        ConfigErrors: with everything that is wrong with it, or speaks against it now.
        NoControlTopic: no worker has run under the prefix.
        LookupRefused: Kafka does not let the server write to `control`.
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    policy = parse_policy(text)
    active = reduce_control(await read_control(settings))
    decision = active.check_policy(policy)
    errors = [*decision.errors, *_campaign_errors(active, policy)]
    if errors:
        raise ConfigErrors(errors)
    if decision.outcome is Outcome.UNCHANGED:
        return PolicyApplied(policy.ref, applied=False, control_offset=None)
    if missing := await find_missing_rights(settings, publishing(settings, "control")):
        raise LookupRefused(503, "kafka-away", describe_missing(missing))
    offset = await append_control(settings, ControlRecord("policy", policy.text))
    return PolicyApplied(policy.ref, applied=True, control_offset=offset)


def _campaign_errors(active: ActiveRules, policy: Policy) -> list[str]:
    """Return which segments the active campaigns name and the policy does not have."""
    if active.campaigns is None:
        return []
    return [
        f"does not fit the active campaigns {active.campaigns.ref}: {error}; activate campaigns that fit together with "
        "it: goldstream policy apply FILE --campaigns FILE"
        for error in missing_segments(active.campaigns, policy)
    ]
