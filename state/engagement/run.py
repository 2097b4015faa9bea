"""The life of a campaign run: its states, and `TRANSITIONS`, the table that moves it from one to the next.

A run is one entry of a customer into one campaign. Its state is not stored: it follows from the run's fields
(`run_state`). `state.engagement.decide` fires the triggers, in the order that it states.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

from state.config.campaigns import Campaign
from state.customer.profile_schema import Run, Silence
from state.engagement.attribution import report_outcome
from state.engagement.campaign_context import CampaignContext, is_open
from state.engagement.change_snapshot import snapshot_change
from state.engagement.contacts import remember_message
from state.engagement.suppression import step_suppression, usable_channels
from state.records.outputs import SegmentChanged
from state.records.reasons import Group, SuppressionReason
from state.units.timestamps import NEVER

MAX_RUNS: Final = 256
"""Concurrent runs of a customer beyond which neither outcome nor silence is awaited: thousands may be entered."""


class RunState(StrEnum):
    """What a run still has to do."""

    OPEN = "it has steps to make"
    SPENT = "all its steps were made; the customer is silenced unless they respond in time"
    WATCHED = "only its outcome is still to be reported"
    OVER = "nothing: it is removed from the profile"


class RunTrigger(StrEnum):
    """What moves a run on."""

    STEP_DUE = "a step, or a step deferred by quiet hours, is due"
    SUPERSEDED = "the customer left `to` or bought (a reactivation), or a new file changes or drops the campaign"
    SILENCE_DUE = "`silence_after_days` have passed since the last step was due"
    ATTRIBUTION_ENDED = "`attribution_days` have passed since the entry"


class Transition(NamedTuple):
    """What a trigger does to a run.

    Attributes:
        effect: changes the run and the profile, and appends the outputs.
        to: the states that may follow; which one depends on what is left of the run.
    """

    effect: Callable[[Run, CampaignContext], None]
    to: tuple[RunState, ...]


def run_state(run: Run) -> RunState:
    """Return the state that the run's fields amount to."""
    if is_open(run):
        return RunState.OPEN
    if run.silence_at is not None:
        return RunState.SPENT
    return RunState.OVER if run.attribution_ends_at is None else RunState.WATCHED


def fire(run: Run, trigger: RunTrigger, context: CampaignContext) -> None:
    """Move the run on by its row of `TRANSITIONS`; without a row the trigger has no effect in this state."""
    before = run_state(run)
    transition = TRANSITIONS.get((before, trigger))
    if transition is None:
        return
    transition.effect(run, context)
    after = run_state(run)
    if after not in transition.to:
        raise AssertionError(f"a run went from {before.name} to {after.name} by {trigger.name}: no transition does so")
    if after is RunState.OVER:
        context.has_finished_runs = True


def start_run(
    context: CampaignContext, campaign: Campaign, tag: str, change: SegmentChanged | None, group: Group
) -> None:
    """Add a run in the first state of its group to the profile, unless it would be over at once."""
    profile, at = context.profile, context.at
    opens = FIRST_STATES[group] is RunState.OPEN
    is_attributed = campaign.attribution_ms > 0 and len(profile.runs) < MAX_RUNS
    if not opens and not is_attributed:
        return
    run = Run(
        campaign=campaign.name,
        tag=tag,
        entry_change=None if change is None else snapshot_change(change),
        entered_at=at,
        group=group,
        step_count=len(campaign.steps),
        next_step=1 if opens else 0,
        next_at=at + campaign.steps[0].after_ms if opens else None,
        deferred=[],
        silence_at=None,
        sent=[],
        opened=[],
        clicked=[],
        redeemed=[],
        cost=0,
        attribution_ends_at=at + min(campaign.attribution_ms, context.rules.window_ms - 1) if is_attributed else None,
    )
    profile.runs.append(run)


def is_step_due(run: Run, moment: int) -> bool:
    """Return whether `STEP_DUE` fires at the moment."""
    if run.next_at is not None and run.next_at <= moment:
        return True
    return bool(run.deferred) and any(due <= moment for _, due in run.deferred)


def is_silence_due(run: Run, moment: int) -> bool:
    """Return whether `SILENCE_DUE` fires at the moment."""
    return run.silence_at is not None and run.silence_at <= moment


def is_attribution_over(run: Run, moment: int) -> bool:
    """Return whether `ATTRIBUTION_ENDED` fires at the moment: a purchase at the last moment still counts."""
    return run.attribution_ends_at is not None and run.attribution_ends_at < moment


def next_moment(run: Run) -> int:
    """Return when time alone next fires a trigger of the run; `NEVER` if it does not."""
    at = NEVER if run.next_at is None else run.next_at
    for _, due in run.deferred:
        at = min(at, due)
    if run.silence_at is not None:
        at = min(at, run.silence_at)
    return at if run.attribution_ends_at is None else min(at, run.attribution_ends_at + 1)


def _make_due_steps(run: Run, context: CampaignContext) -> None:
    """Make the steps that are due, by their numbers; a step in quiet hours is deferred to their end."""
    at = context.at
    campaign = context.campaigns.by_name[run.campaign]
    while run.next_at is not None and run.next_at <= at:
        number, due = run.next_step, context.after_quiet_hours(run.next_at)
        run.deferred.append((number, due))
        if number < run.step_count:
            run.next_step, run.next_at = number + 1, run.entered_at + campaign.steps[number].after_ms
            continue
        run.next_step, run.next_at = 0, None
        if campaign.silence_after_ms is not None and len(context.profile.runs) <= MAX_RUNS:
            run.silence_at = due + campaign.silence_after_ms
    for number, due in run.deferred:
        if due <= at:
            _make_step(run, campaign, number, context)
    run.deferred = [(number, due) for number, due in run.deferred if due > at]


def _make_step(run: Run, campaign: Campaign, number: int, context: CampaignContext) -> None:
    """Send the message of a step, or publish why it is suppressed."""
    profile = context.profile
    channels = usable_channels(campaign, campaign.steps[number - 1], profile)
    reason = step_suppression(context, campaign, channels)
    if reason is not None:
        context.suppress_step(run, number, reason)
        return
    context.send(run, campaign, number, channels)
    remember_message(profile, run, number, channels[0], context.at, context.campaigns.cap)
    run.sent.append(number)


def _supersede(run: Run, context: CampaignContext) -> None:
    """Give up the remaining steps, with a suppression for each, and the silence."""
    remaining = [number for number, _ in run.deferred]
    if run.next_step:
        remaining += range(run.next_step, run.step_count + 1)
    for number in sorted(remaining):
        context.suppress_step(run, number, SuppressionReason.SUPERSEDED)
    run.next_step, run.next_at, run.deferred, run.silence_at = 0, None, [], None


def _begin_silence(run: Run, context: CampaignContext) -> None:
    """Silence the customer, unless they are already, responded to the run, or were sent nothing by it."""
    run.silence_at = None
    engagement = context.profile.engagement
    if engagement is None or engagement.silence is not None or not run.sent or run.clicked or run.redeemed:
        return
    engagement.silence = Silence(run.campaign, run.tag, run.entry_change, run.entered_at, context.at)
    context.suppress_step(run, None, SuppressionReason.SILENCE_BEGAN)


def _end_attribution(run: Run, context: CampaignContext) -> None:
    """Report the outcome."""
    report_outcome(run, context)
    run.attribution_ends_at = None


FIRST_STATES: Final = {
    Group.TREATED: RunState.OPEN,
    Group.HOLDOUT: RunState.WATCHED,
    Group.CONTROL: RunState.WATCHED,
}
"""The state in which a run starts, by the customer's group. Without attribution, `WATCHED` is `OVER` at once."""

TRANSITIONS: Final[dict[tuple[RunState, RunTrigger], Transition]] = {
    (RunState.OPEN, RunTrigger.STEP_DUE): Transition(
        _make_due_steps, (RunState.OPEN, RunState.SPENT, RunState.WATCHED, RunState.OVER)
    ),
    (RunState.OPEN, RunTrigger.SUPERSEDED): Transition(_supersede, (RunState.WATCHED, RunState.OVER)),
    (RunState.SPENT, RunTrigger.SUPERSEDED): Transition(_supersede, (RunState.WATCHED, RunState.OVER)),
    # Before the last steps are made, if quiet hours defer them for longer than `silence_after_days`.
    (RunState.OPEN, RunTrigger.SILENCE_DUE): Transition(_begin_silence, (RunState.OPEN,)),
    (RunState.SPENT, RunTrigger.SILENCE_DUE): Transition(_begin_silence, (RunState.WATCHED, RunState.OVER)),
    (RunState.OPEN, RunTrigger.ATTRIBUTION_ENDED): Transition(_end_attribution, (RunState.OPEN,)),
    (RunState.SPENT, RunTrigger.ATTRIBUTION_ENDED): Transition(_end_attribution, (RunState.SPENT,)),
    (RunState.WATCHED, RunTrigger.ATTRIBUTION_ENDED): Transition(_end_attribution, (RunState.OVER,)),
}
"""By state and trigger. Once all steps are made or given up, a run is `SPENT` if it may silence, otherwise `WATCHED`
while its outcome is pending, otherwise `OVER`."""
