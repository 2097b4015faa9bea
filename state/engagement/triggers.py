"""What makes a customer enter a campaign other than a change of segment: a birthday, or an overdue order.

A run has a *tag*, which its ids carry after the customer's: the number of its change, or `b` and the year of a
birthday, or `o` and the lifetime orders of a customer who is overdue.
"""

from typing import Final

from msgspec import UNSET, UnsetType

from state.config.campaigns import Campaign
from state.config.ruleset import Ruleset
from state.customer.profile import Profile
from state.customer.traits import birthday_at, overdue_at
from state.units.timestamps import NEVER

BIRTHDAY: Final = "birthday"
OVERDUE: Final = "overdue"
_TRIGGERS: Final = {"b": BIRTHDAY, "o": OVERDUE}
"""By the first letter of the tag."""


def trigger_of(tag: str) -> str | UnsetType:
    """Return the trigger of a run with this tag; unset if a change of segment started it."""
    return _TRIGGERS.get(tag[0], UNSET)


def fired_tag(campaign: Campaign, profile: Profile, moment: int, rules: Ruleset) -> str | None:
    """Return the tag of the campaign's trigger if it fires at `moment`, and has not fired with that tag before."""
    at, tag = _next_firing(campaign, profile, moment - 1, rules)
    if at != moment:
        return None
    engagement = profile.engagement
    return None if engagement is not None and tag in engagement.trigger_tags.get(campaign.name, ()) else tag


def next_trigger(profile: Profile, after: int, rules: Ruleset) -> int:
    """Return when a trigger next fires after a moment; `NEVER` if none does."""
    triggered = () if rules.campaigns is None else rules.campaigns.triggered
    return min((_next_firing(campaign, profile, after, rules)[0] for campaign in triggered), default=NEVER)


def _next_firing(campaign: Campaign, profile: Profile, after: int, rules: Ruleset) -> tuple[int, str]:
    """Return when the campaign's trigger next fires after a moment, and its tag then; `NEVER` if it does not."""
    if campaign.trigger == BIRTHDAY:
        birthday = birthday_at(profile, after, "UTC" if rules.campaigns is None else rules.campaigns.timezone)
        return (NEVER, "") if birthday is None else (birthday[0], f"b{birthday[1]}")
    at = overdue_at(profile, campaign.overdue, rules, after)
    return (at, f"o{profile.lifetime_orders}") if at is not None and at > after else (NEVER, "")
