"""A customer's open campaign runs, as a story shows them: steps sent, steps to come, and the moments that matter."""

import msgspec
from msgspec import UNSET

from state.config.campaigns import Campaigns
from state.customer.profile import Profile
from state.customer.profile_schema import Run
from state.engagement.triggers import trigger_of
from state.records.reasons import Group
from state.units.timestamps import format_ms


class RunStory(msgspec.Struct, frozen=True):
    """One open campaign run; moments in RFC 3339.

    Attributes:
        entered_by: the id of the segment change that caused the entry, or `birthday` or `overdue`.
        group: `holdout` and `control` get no messages.
        sent: numbers of the steps that were sent; `opened`, `clicked` and `redeemed` those with such a response.
        due_at_by_step: the due moments of the steps to come, by number; quiet hours may still postpone one.
        sunset_at: when the customer is silenced unless they click or redeem; null if unknown or not configured.
        outcome_at: the end of the attribution window.
    """

    campaign: str
    entered_by: str = msgspec.field(name="began")
    entered_at: str = msgspec.field(name="began_at")
    group: Group
    step_count: int = msgspec.field(name="attempts")
    sent: list[int]
    opened: list[int]
    clicked: list[int]
    redeemed: list[int]
    due_at_by_step: dict[int, str] = msgspec.field(name="to_come")
    sunset_at: str | None = msgspec.field(name="silent_at")
    outcome_at: str | None


def run_stories(customer_id: str, profile: Profile, campaigns: Campaigns | None) -> list[RunStory]:
    """Return the customer's open runs in order of entry."""
    return [_run_story(customer_id, run, campaigns) for run in profile.runs]


def _run_story(customer_id: str, run: Run, campaigns: Campaigns | None) -> RunStory:
    due_at_by_step = {number: format_ms(due) for number, due in run.deferred}
    campaign = None if campaigns is None else campaigns.by_name.get(run.campaign)
    if run.next_step and campaign is not None:
        for number, step in enumerate(campaign.steps[run.next_step - 1 :], run.next_step):
            due_at_by_step[number] = format_ms(run.entered_at + step.after_ms)
    trigger = trigger_of(run.tag)
    return RunStory(
        campaign=run.campaign,
        entered_by=f"{customer_id}:{run.tag}" if trigger is UNSET else str(trigger),
        entered_at=format_ms(run.entered_at),
        group=run.group,
        step_count=run.step_count,
        sent=sorted(run.sent),
        opened=sorted(run.opened),
        clicked=sorted(run.clicked),
        redeemed=sorted(run.redeemed),
        due_at_by_step=due_at_by_step,
        sunset_at=None if run.silence_at is None else format_ms(run.silence_at),
        outcome_at=None if run.attribution_ends_at is None else format_ms(run.attribution_ends_at),
    )
