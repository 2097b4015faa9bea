"""What begins a campaign beside a change of segment: a birthday, or an order that is overdue."""

from typing import Final

from state.config.campaigns import Campaign
from state.config.ruleset import Ruleset
from state.customer.profile import Profile
from state.customer.traits import birthday_at, overdue_at
from state.units.timestamps import NEVER

BIRTHDAY: Final = "birthday"


def fired_tag(campaign: Campaign, profile: Profile, moment: int, rules: Ruleset) -> str | None:
    """The tag of a trigger that goes off at this very moment, and has not with this tag before; else None."""
    at, tag = _next(campaign, profile, moment - 1, rules)
    if at != moment:
        return None
    engagement = profile.engagement
    return None if engagement is not None and tag in engagement.trigger_tags.get(campaign.name, ()) else tag


def next_trigger(profile: Profile, after: int, rules: Ruleset) -> int:
    """When a trigger goes off next after a moment; `NEVER` if none will."""
    triggered = () if rules.campaigns is None else rules.campaigns.triggered
    return min((_next(campaign, profile, after, rules)[0] for campaign in triggered), default=NEVER)


def _next(campaign: Campaign, profile: Profile, after: int, rules: Ruleset) -> tuple[int, str]:
    """When a campaign's trigger goes off next after a moment, and the tag of the run that it begins."""
    if campaign.trigger == BIRTHDAY:
        birthday = birthday_at(profile, after, "UTC" if rules.campaigns is None else rules.campaigns.timezone)
        return (NEVER, "") if birthday is None else (birthday[0], f"b{birthday[1]}")
    at = overdue_at(profile, campaign.overdue, rules, after)
    return (at, f"o{profile.lifetime_orders}") if at is not None and at > after else (NEVER, "")
