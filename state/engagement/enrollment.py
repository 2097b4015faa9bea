"""How campaigns begin for a customer: at a change of segment that fits, or at the moment of a trigger."""

from typing import Final

from state.config.campaigns import NO_SEGMENT, Campaign, is_in_share
from state.engagement.campaign_context import CampaignContext
from state.engagement.contacts import engagement_of
from state.engagement.run import is_open, start_run
from state.engagement.target_match import matches_target
from state.engagement.triggers import fired_tag
from state.records.outputs import TIME_CAUSE, SegmentChanged
from state.records.reasons import Group, SuppressionReason

REMEMBERED_TAGS: Final = 64


def enter_campaigns(occasion: CampaignContext, change: SegmentChanged | None, *, by_time: bool) -> None:
    """Begins the campaigns that fit, in the file's order, each unless it is kept back as a whole.

    Args:
        occasion: the customer and the moment.
        change: the change of segment at this moment, if there is one.
        by_time: whether time alone has come to this moment, so that triggers may go off.
    """
    campaigns = occasion.campaigns
    for campaign in campaigns.campaigns if change is not None else campaigns.triggered:
        if campaign.trigger is not None:
            if by_time:
                _begin_if_triggered(occasion, campaign)
        elif change is not None and _fits(campaign, change, occasion):
            _begin(occasion, campaign, str(change.seq), change)


def _begin_if_triggered(occasion: CampaignContext, campaign: Campaign) -> None:
    """Begins a campaign whose trigger goes off at this moment, for one who is asked for."""
    profile = occasion.profile
    tag = fired_tag(campaign, profile, occasion.at, occasion.rules)
    if tag is not None and profile.segment in campaign.to and _is_meant(occasion, campaign, by_time=True):
        tags = engagement_of(profile).trigger_tags.setdefault(campaign.name, [])
        tags.append(tag)
        del tags[:-REMEMBERED_TAGS]
        _begin(occasion, campaign, tag, None)


def _fits(campaign: Campaign, change: SegmentChanged, occasion: CampaignContext) -> bool:
    """Whether the campaign begins at such a change."""
    return (
        campaign.trigger is None
        and change.move.to_segment in campaign.to
        and change.kind in campaign.causes
        and (not campaign.from_segments or (change.move.from_segment or NO_SEGMENT) in campaign.from_segments)
        and _is_meant(occasion, campaign, by_time=change.kind == TIME_CAUSE)
    )


def _is_meant(occasion: CampaignContext, campaign: Campaign, *, by_time: bool) -> bool:
    """Whether the campaign asks for such a customer; what time brings comes before an event of the same moment."""
    at = occasion.at
    return matches_target(campaign.where, occasion.profile, occasion.rules, at if by_time else at + 1)


def _begin(occasion: CampaignContext, campaign: Campaign, tag: str, change: SegmentChanged | None) -> None:
    """Begins a campaign, or says why it is kept back as a whole; one that is held out counts as begun."""
    reason = _kept_from_beginning(occasion, campaign, change)
    if reason is not None:
        occasion.suppress_campaign(campaign.name, tag, change, reason)
    at, name = occasion.at, campaign.name
    if reason is SuppressionReason.CONTROL:
        withheld = engagement_of(occasion.profile).control_entries
        if _too_soon(campaign, withheld.get(name), at) is None:
            withheld[name] = at
            start_run(occasion, campaign, tag, change, group=Group.CONTROL)
    elif reason is SuppressionReason.HOLDOUT:
        engagement_of(occasion.profile).last_entries[name] = at
        start_run(occasion, campaign, tag, change, group=Group.HOLDOUT)
    elif reason is None:
        engagement_of(occasion.profile).last_entries[name] = at
        start_run(occasion, campaign, tag, change)


def _kept_from_beginning(
    occasion: CampaignContext, campaign: Campaign, change: SegmentChanged | None
) -> SuppressionReason | None:
    """The first reason to keep the campaign back as a whole."""
    profile, campaigns = occasion.profile, occasion.campaigns
    early = campaigns.starts_at is not None and occasion.at < campaigns.starts_at
    if early or (change is not None and change.backfill):
        return SuppressionReason.BACKFILL
    engagement = profile.engagement
    if engagement is not None and engagement.silence is not None:
        return SuppressionReason.SILENCED
    if is_in_share(campaigns.name, occasion.customer_id, campaigns.control):
        return SuppressionReason.CONTROL
    if engagement is not None:
        reason = _too_soon(campaign, engagement.last_entries.get(campaign.name), occasion.at)
        if reason is not None:
            return reason
    if any(run.campaign == campaign.name and is_open(run) for run in profile.runs):
        return SuppressionReason.COOLDOWN
    if is_in_share(campaign.name, occasion.customer_id, campaign.holdout):
        return SuppressionReason.HOLDOUT
    return None


def _too_soon(campaign: Campaign, begun: int | None, moment: int) -> SuppressionReason | None:
    """Why a campaign that began then may not begin now."""
    if begun is None:
        return None
    if campaign.once:
        return SuppressionReason.ONCE
    return SuppressionReason.COOLDOWN if moment - begun < campaign.cooldown_ms else None
