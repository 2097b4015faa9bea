"""How a customer enters campaigns: by a change of segment that matches, or by a trigger that fires."""

from typing import Final

from state.config.campaigns import NO_SEGMENT, Campaign
from state.config.ruleset import Ruleset
from state.config.targeting import Targeting
from state.customer.contact_profile import signup_fact
from state.customer.profile import Profile
from state.customer.referrals import referrals_until
from state.customer.traits import is_difficult, is_discount_seeker, most_frequent
from state.engagement.campaign_context import CampaignContext
from state.engagement.contacts import engagement_of
from state.engagement.run import start_run
from state.engagement.suppression import entry_suppression, repeats_too_soon
from state.engagement.triggers import fired_tag
from state.records.outputs import TIME_CAUSE, SegmentChanged
from state.records.reasons import Group, SuppressionReason

REMEMBERED_TAGS: Final = 64
"""Tags of a campaign's trigger that are remembered, so that it does not fire twice for the same birthday or order."""
_GROUPS: Final[dict[SuppressionReason | None, Group]] = {
    None: Group.TREATED,
    SuppressionReason.HOLDOUT: Group.HOLDOUT,
    SuppressionReason.CONTROL: Group.CONTROL,
}
"""The group of an entry, by what suppresses it; any other reason prevents the entry."""


def enter_campaigns(context: CampaignContext) -> None:
    """Enter the campaigns that match this moment, in the file's order, each unless it is suppressed as a whole."""
    campaigns, change = context.campaigns, context.change
    if change is None and not context.by_time:
        return
    may_fire = context.by_time and context.at >= context.profile.horizon
    for campaign in campaigns.campaigns if change is not None else campaigns.triggered:
        if campaign.trigger is not None:
            if may_fire:
                _enter_if_triggered(context, campaign)
        elif change is not None and _matches_change(campaign, change, context):
            _enter(context, campaign, str(change.seq), change)


def _enter_if_triggered(context: CampaignContext, campaign: Campaign) -> None:
    """Enter a campaign whose trigger fires at this moment, if it targets the customer."""
    profile = context.profile
    tag = fired_tag(campaign, profile, context.at, context.rules)
    if tag is not None and profile.segment in campaign.to and _is_targeted(context, campaign, by_time=True):
        tags = engagement_of(profile).trigger_tags.setdefault(campaign.name, [])
        tags.append(tag)
        del tags[:-REMEMBERED_TAGS]
        _enter(context, campaign, tag, None)


def _enter(context: CampaignContext, campaign: Campaign, tag: str, change: SegmentChanged | None) -> None:
    """Start a run, or publish why the campaign is suppressed; the holdout and control groups get both.

    A holdout counts as an entry. Entries of the control group are counted apart, by the same rules of repetition.
    """
    name, at = campaign.name, context.at
    reason = entry_suppression(context, campaign, change)
    if reason is not None:
        context.suppress_campaign(name, tag, change, reason)
    group = _GROUPS.get(reason)
    if group is None:
        return
    engagement = engagement_of(context.profile)
    entries = engagement.last_entries
    if group is Group.CONTROL:
        entries = engagement.control_entries
        if repeats_too_soon(campaign, entries.get(name), at):
            return
    entries[name] = at
    start_run(context, campaign, tag, change, group)


def _matches_change(campaign: Campaign, change: SegmentChanged, context: CampaignContext) -> bool:
    """Return whether the customer enters the campaign by such a change."""
    return (
        campaign.trigger is None
        and change.move.to_segment in campaign.to
        and change.kind in campaign.causes
        and (not campaign.from_segments or (change.move.from_segment or NO_SEGMENT) in campaign.from_segments)
        and _is_targeted(context, campaign, by_time=change.kind == TIME_CAUSE)
    )


def _is_targeted(context: CampaignContext, campaign: Campaign, *, by_time: bool) -> bool:
    """Return whether the customer matches `where`. Time comes before a referral of the same moment, an event after."""
    before = context.at if by_time else context.at + 1
    return _matches(campaign.where, context.profile, context.rules, before)


def _matches(where: Targeting | None, profile: Profile, rules: Ruleset, before: int) -> bool:
    """Return whether the customer meets every condition of `where`; referrals count if they came before `before`."""
    if where is None:
        return True
    return (
        all(_flag(profile, name, rules) is wanted for name, wanted in where.flags)
        and all(_number(profile, name, before) >= minimum for name, minimum in where.minimums)
        and all(_number(profile, name, before) <= maximum for name, maximum in where.maximums)
        and all(_text(profile, name) in wanted for name, wanted in where.one_of)
    )


def _flag(profile: Profile, name: str, rules: Ruleset) -> bool:
    return is_discount_seeker(profile, rules.policy) if name == "discount_seeker" else is_difficult(profile)


def _number(profile: Profile, name: str, before: int) -> int:
    if name.startswith("lifetime_orders"):
        return profile.lifetime_orders
    return referrals_until(profile, before)


def _text(profile: Profile, name: str) -> str | None:
    if name == "favourite_store":
        return most_frequent(profile.stores)
    if name == "favourite_channel":
        return most_frequent(profile.channels)
    return signup_fact(profile, name)
