"""The life of a run: one beginning of a campaign for one customer.

    it is       when                                                  it becomes    and is said
    -           its campaign begins                                   open          -
    -           ... but a holdout or the control group has them       watched       `holdout`, `control`
    open        the moment of an attempt comes, in quiet hours        open          - (it is due at their end)
    open        an attempt is due                                     open          the message, or why not
    open        its last attempt was due                              spent         -
    open        the customer left `to`; bought (a reactivation);      watched       `superseded` for each attempt
                a new file changes or drops the campaign                            that was not made
    spent       the same                                              watched       -
    spent       `silence_after_days` later nobody has answered        watched       `silence-began`
    any         `attribution_days` after its beginning                -             the outcome

Open has attempts that are not made, spent only its silence to come, watched only its outcome; what has none of them is
over. What comes at one moment comes in the order of `state.engagement.decide`.
"""

from typing import Final

from state.config.campaigns import Campaign, Step
from state.customer.contact_profile import consent_of
from state.customer.profile import Profile
from state.customer.profile_schema import Run, Silence
from state.engagement.attribution import report_outcome
from state.engagement.campaign_context import CampaignContext
from state.engagement.change_snapshot import snapshot_change
from state.engagement.contacts import is_dead_channel, remember_message, sent_since
from state.records.outputs import SegmentChanged
from state.records.reasons import Group, SuppressionReason
from state.units.timestamps import NEVER

MAX_RUNS: Final = 256
"""Runs of a customer at one time beyond which neither outcome nor silence is waited for: thousands may begin."""


def start_run(
    occasion: CampaignContext, campaign: Campaign, tag: str, change: SegmentChanged | None, group: Group = Group.TREATED
) -> None:
    """Adds a run to the customer's; one that makes no attempts only if its outcome is to be told."""
    treated, at = group is Group.TREATED, occasion.at
    attributed = campaign.attribution_ms > 0 and len(occasion.profile.runs) < MAX_RUNS
    if not treated and not attributed:
        return
    run = Run(
        campaign=campaign.name,
        tag=tag,
        entry_change=None if change is None else snapshot_change(change),
        entered_at=at,
        group=group,
        step_count=len(campaign.steps),
        next_step=1 if treated else 0,
        next_at=at + campaign.steps[0].after_ms if treated else None,
        deferred=[],
        silence_at=None,
        sent=[],
        opened=[],
        clicked=[],
        redeemed=[],
        cost=0,
        attribution_ends_at=at + min(campaign.attribution_ms, occasion.rules.window_ms - 1) if attributed else None,
    )
    occasion.profile.runs.append(run)


def is_open(run: Run) -> bool:
    """Whether it has attempts that are not made."""
    return run.next_step > 0 or bool(run.deferred)


def is_over(run: Run) -> bool:
    """Whether nothing more will come of it."""
    return not is_open(run) and run.silence_at is None and run.attribution_ends_at is None


def next_moment(run: Run) -> int:
    """When time alone next brings something about; `NEVER` if it will not."""
    at = NEVER if run.next_at is None else run.next_at
    for _, due in run.deferred:
        at = min(at, due)
    if run.silence_at is not None:
        at = min(at, run.silence_at)
    return (
        at if run.attribution_ends_at is None else min(at, run.attribution_ends_at + 1)
    )  # what is bought at its last moment counts


def supersede(run: Run, occasion: CampaignContext) -> None:
    """Gives up the attempts that are not made, with a word for each, and the wait for an answer."""
    left = [number for number, _ in run.deferred]
    if run.next_step:
        left += range(run.next_step, run.step_count + 1)
    for number in sorted(left):
        occasion.suppress_step(run, number, SuppressionReason.SUPERSEDED)
    run.next_step, run.next_at, run.deferred, run.silence_at = 0, None, [], None


def run_steps(run: Run, occasion: CampaignContext) -> None:
    """Makes the attempts that are due by now, in the order of their numbers."""
    at = occasion.at
    if not is_open(run):
        return
    campaign = occasion.campaigns.by_name[run.campaign]
    while run.next_at is not None and run.next_at <= at:
        number, due = run.next_step, occasion.after_quiet_hours(run.next_at)
        run.deferred.append((number, due))
        if number < run.step_count:
            run.next_step, run.next_at = number + 1, run.entered_at + campaign.steps[number].after_ms
            continue
        run.next_step, run.next_at = 0, None
        if campaign.silence_after_ms is not None and len(occasion.profile.runs) <= MAX_RUNS:
            run.silence_at = due + campaign.silence_after_ms
    for number, due in run.deferred:
        if due <= at:
            _attempt(run, campaign, number, occasion)
    run.deferred = [(number, due) for number, due in run.deferred if due > at]


def _attempt(run: Run, campaign: Campaign, number: int, occasion: CampaignContext) -> None:
    """Sends the attempt's message, or says why it is kept back."""
    profile, attempt = occasion.profile, campaign.steps[number - 1]
    usable = usable_channels(campaign, attempt, profile)
    cap = occasion.campaigns.cap
    engagement = profile.engagement
    if engagement is not None and engagement.silence is not None:
        occasion.suppress_step(run, number, SuppressionReason.SILENCED)
    elif not usable:
        occasion.suppress_step(run, number, SuppressionReason.CONSENT)
    elif (
        cap is not None
        and not campaign.ignores_cap
        and sent_since(profile, occasion.at - cap.within_ms) >= cap.messages
    ):
        occasion.suppress_step(run, number, SuppressionReason.CAP)
    else:
        occasion.send(run, campaign, number, usable)
        remember_message(profile, run, number, usable[0], occasion.at, cap)
        run.sent.append(number)


def usable_channels(campaign: Campaign, attempt: Step, profile: Profile) -> list[str]:
    """The channels of an attempt that may be used, in order of preference."""
    channels = [channel for channel in attempt.channels if not is_dead_channel(profile, channel)]
    if campaign.requires_consent:
        return [channel for channel in channels if consent_of(profile, channel) is True]
    return [channel for channel in channels if consent_of(profile, channel) is not False]


def begin_silence(run: Run, occasion: CampaignContext) -> None:
    """Silences the customer if the run's time has come and nobody has answered."""
    if run.silence_at is None or run.silence_at > occasion.at:
        return
    run.silence_at = None
    engagement = occasion.profile.engagement
    if engagement is None or engagement.silence is not None or not run.sent or run.clicked or run.redeemed:
        return
    engagement.silence = Silence(run.campaign, run.tag, run.entry_change, run.entered_at)
    occasion.suppress_step(run, None, SuppressionReason.SILENCE_BEGAN)


def close_attribution(run: Run, occasion: CampaignContext) -> None:
    """Tells the outcome if its time has come."""
    if run.attribution_ends_at is not None and run.attribution_ends_at < occasion.at:
        report_outcome(run, occasion)
        run.attribution_ends_at = None
