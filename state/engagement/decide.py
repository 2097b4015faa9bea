"""What campaigns say to a customer at one moment, and in which order.

    1. runs that no longer fit are superseded
    2. campaigns begin, in the file's order: at a change of segment, or at a trigger's moment
    3. attempts that are due are made, by the order in which their campaigns began, then by number
    4. silence begins, or has ended
    5. outcomes are told

What a run goes through is in `state.engagement.run`, how one begins in `state.engagement.enrollment`.
"""

from state.customer.profile_schema import Silence
from state.engagement.campaign_context import CampaignContext
from state.engagement.enrollment import enter_campaigns
from state.engagement.run import begin_silence, close_attribution, is_over, next_moment, run_steps, supersede
from state.records.outputs import SegmentChanged
from state.records.reasons import SuppressionReason


def decide(
    occasion: CampaignContext,
    change: SegmentChanged | None,
    *,
    by_time: bool = False,
    purchased: bool = False,
    broken: Silence | None = None,
) -> None:
    """Says, or keeps back, what there is to say at this moment, after what has come at it was applied.

    Args:
        occasion: the customer and the moment.
        change: the change of segment at this moment, if there is one.
        by_time: whether time alone has come to this moment, so that triggers may go off.
        purchased: whether a purchase was just applied.
        broken: the silence that a purchase or a consent has just ended.
    """
    runs = occasion.profile.runs
    if runs:
        _supersede_unfit(occasion, purchased=purchased)
    if change is not None or by_time:
        enter_campaigns(occasion, change, by_time=by_time)
    due = any(next_moment(run) <= occasion.at for run in runs)
    if due:
        for run in runs:
            run_steps(run, occasion)
        for run in runs:
            begin_silence(run, occasion)
    if broken is not None:
        occasion.suppress_step(broken, None, SuppressionReason.SILENCE_ENDED)
    if due:
        for run in runs:
            close_attribution(run, occasion)
    _drop_over(occasion)


def supersede_outdated(occasion: CampaignContext, outdated: frozenset[str]) -> bool:
    """Supersedes the runs of campaigns that a new file changes or drops; whether there were any."""
    ended = [run for run in occasion.profile.runs if run.campaign in outdated]
    for run in ended:
        supersede(run, occasion)
    _drop_over(occasion)
    return bool(ended)


def _supersede_unfit(occasion: CampaignContext, *, purchased: bool) -> None:
    """Supersedes runs whose segments the customer has left, and reactivations of one who has bought."""
    profile, by_name = occasion.profile, occasion.campaigns.by_name
    for run in profile.runs:
        campaign = by_name.get(run.campaign)
        if campaign is None or profile.segment not in campaign.to or (purchased and campaign.topic == "reactivations"):
            supersede(run, occasion)


def _drop_over(occasion: CampaignContext) -> None:
    going_on = [run for run in occasion.profile.runs if not is_over(run)]
    if len(going_on) < len(occasion.profile.runs):
        occasion.profile.runs = going_on
