"""The policy and the campaigns of the settings: the files they name, else the built-in ones."""

from state.config.campaigns import Campaigns, parse_campaigns
from state.config.policy import Policy, parse_policy
from state.units.time_zones import zone_names
from streams.defaults import campaigns_text, policy_text
from streams.settings.settings import Settings


def configured_policy(settings: Settings) -> Policy:
    """The configured policy, checked.

    Raises:
        Faults: everything that is wrong with the file.
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    text = settings.policy.read_text("utf-8-sig") if settings.policy else policy_text()
    return parse_policy(text, zone_names())


def configured_campaigns(settings: Settings, policy: Policy) -> Campaigns:
    """The configured campaigns, checked against the policy's segments where they are the user's own.

    Raises:
        Faults: everything that is wrong with the file.
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    if settings.campaigns is None:
        return parse_campaigns(campaigns_text())
    text = settings.campaigns.read_text("utf-8-sig")
    return parse_campaigns(text, policy.segment_names, zone_names())
