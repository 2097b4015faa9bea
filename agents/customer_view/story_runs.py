"""The campaigns under way for a customer, as a story tells them: what was sent, what is to come, and why not."""

from collections.abc import Iterator

import msgspec
from msgspec import UNSET

from state.config.campaigns import Campaigns
from state.customer.profile import Profile
from state.customer.profile_schema import Run
from state.engagement.campaign_context import trigger_of
from state.records.reasons import Group
from state.units.timestamps import format_ms


class RunStory(msgspec.Struct, frozen=True):
    """A campaign that has begun for the customer, or was kept from them, and is not over.

    Attributes:
        began: the id of the change that began it, or `birthday` or `overdue`.
        group: `holdout` and `control` are sent nothing.
        sent: attempts that were, by number; `opened`, `clicked`, `redeemed` those of whose messages so much is known.
        to_come: the attempts to come, by number, with when each is due; quiet hours may still put one off.
        silent_at: when nothing more is sent to them unless they click or redeem, as far as it is known.
        outcome_at: the end of the days that count for its outcome.
    """

    campaign: str
    began: str
    began_at: str
    group: Group
    attempts: int
    sent: list[int]
    opened: list[int]
    clicked: list[int]
    redeemed: list[int]
    to_come: dict[int, str]
    silent_at: str | None
    outcome_at: str | None


def run_stories(customer_id: str, profile: Profile, campaigns: Campaigns | None) -> list[RunStory]:
    """The runs of a customer, in the order in which they began."""
    return [_told(customer_id, run, campaigns) for run in profile.runs]


def _told(customer_id: str, run: Run, campaigns: Campaigns | None) -> RunStory:
    to_come = {number: format_ms(due) for number, due in run.deferred}
    campaign = None if campaigns is None else campaigns.by_name.get(run.campaign)
    if run.next_step and campaign is not None:
        for number, attempt in enumerate(campaign.steps[run.next_step - 1 :], run.next_step):
            to_come[number] = format_ms(run.entered_at + attempt.after_ms)
    trigger = trigger_of(run.tag)
    return RunStory(
        campaign=run.campaign,
        began=f"{customer_id}:{run.tag}" if trigger is UNSET else str(trigger),
        began_at=format_ms(run.entered_at),
        group=run.group,
        attempts=run.step_count,
        sent=sorted(run.sent),
        opened=sorted(run.opened),
        clicked=sorted(run.clicked),
        redeemed=sorted(run.redeemed),
        to_come=to_come,
        silent_at=None if run.silence_at is None else format_ms(run.silence_at),
        outcome_at=None if run.attribution_ends_at is None else format_ms(run.attribution_ends_at),
    )


def run_text(run: RunStory) -> str:
    """A run on one line."""
    return f"{run.campaign}, begun by {run.began}: {'; '.join(_parts(run))}"


def _parts(run: RunStory) -> Iterator[str]:
    if run.group is not Group.TREATED:
        yield f"{run.group}, nothing is sent"
    for number in run.sent:
        answers = [name for name in ("opened", "clicked", "redeemed") if number in getattr(run, name)]
        yield f"attempt {number} sent{', ' if answers else ''}{', '.join(answers)}"
    for number, due in sorted(run.to_come.items()):
        yield f"attempt {number} due {due[:10]} {due[11:16]}"
    if run.silent_at is not None:
        yield f"silent from {run.silent_at[:10]} {run.silent_at[11:16]} on unless they answer"
    if run.outcome_at is not None:
        yield f"outcome on {run.outcome_at[:10]} {run.outcome_at[11:16]}"
