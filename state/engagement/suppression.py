"""Why a campaign or a message is suppressed: the checks in their order. The first one that applies is the reason.

`ENTRY_CHECKS` decide whether a campaign is entered, `STEP_CHECKS` whether the message of a step that is due is sent.
The remaining reasons are no checks: `superseded` and `silence-began` come from a run's transitions
(`state.engagement.run`), `silence-ended` from `state.engagement.decide`.
"""

from collections.abc import Callable, Sequence
from typing import Final

from state.config.campaigns import Campaign, Step, is_in_share
from state.customer.contact_profile import consent_of
from state.customer.profile import Profile
from state.engagement.campaign_context import CampaignContext, is_open
from state.engagement.contacts import is_dead_channel, sent_since
from state.records.outputs import SegmentChanged
from state.records.reasons import SuppressionReason

EntryCheck = Callable[[CampaignContext, Campaign, SegmentChanged | None], bool]
StepCheck = Callable[[CampaignContext, Campaign, Sequence[str]], bool]


def entry_suppression(
    context: CampaignContext, campaign: Campaign, change: SegmentChanged | None
) -> SuppressionReason | None:
    """Return why the campaign is suppressed as a whole; None if it is entered. `change` is None for a trigger."""
    for reason, applies in ENTRY_CHECKS:
        if applies(context, campaign, change):
            return reason
    return None


def step_suppression(context: CampaignContext, campaign: Campaign, channels: Sequence[str]) -> SuppressionReason | None:
    """Return why a step that is due is suppressed; None if it is sent by the first of its usable `channels`."""
    for reason, applies in STEP_CHECKS:
        if applies(context, campaign, channels):
            return reason
    return None


def usable_channels(campaign: Campaign, step: Step, profile: Profile) -> list[str]:
    """Return the step's channels that consents and bounces leave, in order of preference."""
    channels = [channel for channel in step.channels if not is_dead_channel(profile, channel)]
    if campaign.requires_consent:
        return [channel for channel in channels if consent_of(profile, channel) is True]
    return [channel for channel in channels if consent_of(profile, channel) is not False]


def repeats_too_soon(campaign: Campaign, entered_at: int | None, moment: int) -> bool:
    """Return whether a customer who last entered the campaign at `entered_at` may not enter it at `moment`."""
    return entered_at is not None and (campaign.once or moment - entered_at < campaign.cooldown_ms)


def _is_backfill(context: CampaignContext, _campaign: Campaign, change: SegmentChanged | None) -> bool:
    starts_at = context.rules.starts_at
    return (starts_at is not None and context.at < starts_at) or (change is not None and change.backfill)


def _is_silenced(context: CampaignContext, _campaign: Campaign, _subject: object) -> bool:
    engagement = context.profile.engagement
    return engagement is not None and engagement.silence is not None


def _is_in_control_group(context: CampaignContext, _campaign: Campaign, _change: SegmentChanged | None) -> bool:
    return is_in_share(context.campaigns.name, context.customer_id, context.campaigns.control)


def _allows_no_second_entry(context: CampaignContext, campaign: Campaign, _change: SegmentChanged | None) -> bool:
    engagement = context.profile.engagement
    return campaign.once and engagement is not None and campaign.name in engagement.last_entries


def _is_cooling_down(context: CampaignContext, campaign: Campaign, _change: SegmentChanged | None) -> bool:
    engagement = context.profile.engagement
    entered_at = None if engagement is None else engagement.last_entries.get(campaign.name)
    if entered_at is not None and context.at - entered_at < campaign.cooldown_ms:
        return True
    return any(run.campaign == campaign.name and is_open(run) for run in context.profile.runs)


def _is_in_holdout_group(context: CampaignContext, campaign: Campaign, _change: SegmentChanged | None) -> bool:
    return is_in_share(campaign.name, context.customer_id, campaign.holdout)


def _has_no_channel(_context: CampaignContext, _campaign: Campaign, channels: Sequence[str]) -> bool:
    return not channels


def _reaches_cap(context: CampaignContext, campaign: Campaign, _channels: Sequence[str]) -> bool:
    cap = context.campaigns.cap
    if cap is None or campaign.ignores_cap:
        return False
    return sent_since(context.profile, context.at - cap.within_ms) >= cap.messages


ENTRY_CHECKS: Final[tuple[tuple[SuppressionReason, EntryCheck], ...]] = (
    (SuppressionReason.BACKFILL, _is_backfill),
    (SuppressionReason.SILENCED, _is_silenced),
    (SuppressionReason.CONTROL, _is_in_control_group),
    (SuppressionReason.ONCE, _allows_no_second_entry),
    (SuppressionReason.COOLDOWN, _is_cooling_down),
    (SuppressionReason.HOLDOUT, _is_in_holdout_group),
)
STEP_CHECKS: Final[tuple[tuple[SuppressionReason, StepCheck], ...]] = (
    (SuppressionReason.SILENCED, _is_silenced),
    (SuppressionReason.CONSENT, _has_no_channel),
    (SuppressionReason.CAP, _reaches_cap),
)
