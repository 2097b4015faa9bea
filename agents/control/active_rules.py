"""Which policy and which campaigns `control` has brought into force, and whether others may follow them."""

import dataclasses
from collections.abc import Iterable

from state.config import campaigns as campaign_rules
from state.config import policy as policy_rules
from state.config.campaigns import Campaigns, parse_campaigns
from state.config.config_errors import ConfigErrors
from state.config.policy import Policy, parse_policy
from streams.kafka.control import ControlRecord


@dataclasses.dataclass(slots=True)
class ActiveRules:
    """What is in force after some records of `control`, and what was before.

    Attributes:
        policy: the last policy; None before the first.
        campaigns: the last campaigns; None before the first.
        policies: every policy that was ever in force, by `name@version`.
        campaign_files: every campaigns file that was ever in force, by `name@version`.
    """

    policy: Policy | None = None
    campaigns: Campaigns | None = None
    policies: dict[str, Policy] = dataclasses.field(default_factory=dict)
    campaign_files: dict[str, Campaigns] = dataclasses.field(default_factory=dict)

    def policy_error(self, new: Policy) -> str | None:
        """Say why a policy may not come into force now; None where it may, also where it is in force already."""
        if self.policy is not None and (refusal := policy_rules.successor_error(self.policy, new)):
            return refusal
        earlier = self.policies.get(new.ref)
        if earlier is not None and not policy_rules.has_same_contents(earlier, new):
            return f"{new.ref} has been in force with other contents; raise version"
        return None

    def campaigns_error(self, new: Campaigns) -> str | None:
        """Say why campaigns may not come into force now; None where they may, also where they are already."""
        if self.policy is None:
            return "no policy is in force yet; apply one first (`goldstream policy apply`), or start a worker"
        if self.campaigns is not None and (refusal := campaign_rules.successor_error(self.campaigns, new)):
            return refusal
        earlier = self.campaign_files.get(new.ref)
        if earlier is not None and not campaign_rules.has_same_contents(earlier, new):
            return f"{new.ref} has been in force with other contents; raise version"
        return None


def reduce_control(records: Iterable[ControlRecord]) -> ActiveRules:
    """Go through the records of `control`; faulty and refused ones, written past the product, have no effect."""
    known = ActiveRules()
    for record in records:
        try:
            if record.kind == "policy":
                policy = parse_policy(record.text or "")
                if known.policy is None or not policy_rules.successor_error(known.policy, policy):
                    known.policy = policy
                    known.policies.setdefault(policy.ref, policy)
            elif record.kind == "campaigns" and known.policy is not None:
                campaigns = parse_campaigns(record.text or "")
                if known.campaigns is None or not campaign_rules.successor_error(known.campaigns, campaigns):
                    known.campaigns = campaigns
                    known.campaign_files.setdefault(campaigns.ref, campaigns)
        except ConfigErrors:
            continue
    return known
