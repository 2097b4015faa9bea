"""What a change of segment says to the customer: campaigns begin, messages are sent or kept back.

At one moment, for one customer, in this order: runs that no longer fit are superseded, campaigns begin, attempts that
are due are decided. So far a run makes its first attempt only; ladders, caps, quiet hours and silence belong here too.
"""

from fractions import Fraction

from state.campaigns import NO_SEGMENT, Attempt, Campaign, Campaigns, held
from state.changes import CustomerInMessage, KeptBack, Message, Output, SegmentChanged, Sent, Suppression, in_message
from state.kept import Run
from state.moments import format_ms
from state.money import format_minor
from state.person import fact, granted
from state.policy import Policy
from state.profile import Profile
from state.rules import Rules

FIRST = 1


def decide(
    customer_id: str,
    profile: Profile,
    change: SegmentChanged | None,
    moment: int,
    rules: Rules,
    out: list[Output],
    *,
    purchased: bool = False,
) -> None:
    """Appends to `out` what is said, or kept back, at this moment; `purchased` if a purchase was just applied."""
    campaigns = rules.campaigns
    if campaigns is None or not (campaigns.campaigns or profile.runs):
        return
    if profile.runs:
        _supersede(profile, moment, campaigns, out, purchased=purchased)
    if change is not None:
        for campaign in campaigns.campaigns:
            if _fits(campaign, change):
                _begin(campaign, profile, change, moment, campaigns, out)
    for run in [run for run in profile.runs if run.due <= moment]:
        profile.runs.remove(run)
        out.append(_attempt(customer_id, run, profile, moment, campaigns, rules.policy))


def end_runs(profile: Profile, outdated: frozenset[str], moment: int, campaigns: Campaigns, out: list[Output]) -> bool:
    """Supersedes the runs of campaigns that a new file changes or drops; whether there were any."""
    ended = [run for run in profile.runs if run.campaign in outdated]
    for run in ended:
        profile.runs.remove(run)
        out.append(_kept_back(run.change, run.campaign, run.attempt, "superseded", moment, campaigns))
    return bool(ended)


def average_check(profile: Profile) -> int:
    """Lifetime net revenue by lifetime orders, in minor units, half to even; 0 without orders."""
    orders = profile.lifetime_orders
    if orders <= 0:
        return 0
    whole, rest = divmod(profile.net, orders)
    return whole + (1 if 2 * rest > orders or (2 * rest == orders and whole % 2) else 0)


def discount_share(profile: Profile) -> float:
    """0.2 x discounted orders / orders + 0.8 x discounts / (net + discounts), to four digits, half to even."""
    share = Fraction(0)
    if profile.lifetime_orders > 0:
        share += Fraction(2 * profile.discounted_orders, 10 * profile.lifetime_orders)
    if profile.net + profile.discounts > 0:
        share += Fraction(8 * profile.discounts, 10 * (profile.net + profile.discounts))
    return float(round(share, 4))


def _supersede(profile: Profile, moment: int, campaigns: Campaigns, out: list[Output], *, purchased: bool) -> None:
    """Ends the runs whose segment the customer has left, reactivations after a purchase, and what is in no file."""
    going_on = []
    for run in profile.runs:
        campaign = campaigns.by_name.get(run.campaign)
        fits = campaign is not None and profile.segment in campaign.to
        if fits and not (purchased and campaign is not None and campaign.topic == "reactivations"):
            going_on.append(run)
        else:
            out.append(_kept_back(run.change, run.campaign, run.attempt, "superseded", moment, campaigns))
    profile.runs = going_on


def _fits(campaign: Campaign, change: SegmentChanged) -> bool:
    """Whether the campaign begins at such a change."""
    return (
        change.move.to_segment in campaign.to
        and change.kind in campaign.causes
        and (not campaign.from_segments or (change.move.from_segment or NO_SEGMENT) in campaign.from_segments)
    )


def _begin(
    campaign: Campaign, profile: Profile, change: SegmentChanged, moment: int, campaigns: Campaigns, out: list[Output]
) -> None:
    reason = _kept_from_beginning(campaign, profile, change, moment, campaigns)
    if reason is not None:
        out.append(_kept_back(change, campaign.name, None, reason, moment, campaigns))
        return
    profile.runs.append(Run(campaign.name, change, FIRST, moment + campaign.attempts[FIRST - 1].after_ms))


def _kept_from_beginning(
    campaign: Campaign, profile: Profile, change: SegmentChanged, moment: int, campaigns: Campaigns
) -> str | None:
    """The first reason to keep the campaign back as a whole."""
    if change.backfill or (campaigns.starts_at is not None and moment < campaigns.starts_at):
        return "backfill"
    if held(campaigns.name, change.customer_id, campaigns.control):
        return "control"
    if any(run.campaign == campaign.name for run in profile.runs):
        return "cooldown"
    if held(campaign.name, change.customer_id, campaign.holdout):
        return "holdout"
    return None


def _attempt(
    customer_id: str, run: Run, profile: Profile, moment: int, campaigns: Campaigns, policy: Policy
) -> Sent | KeptBack:
    """Sends the run's attempt, or keeps it back."""
    campaign = campaigns.by_name[run.campaign]
    attempt = campaign.attempts[run.attempt - 1]
    usable = _usable_channels(campaign, attempt, profile)
    if not usable:
        return _kept_back(run.change, campaign.name, run.attempt, "consent", moment, campaigns)
    message = Message(
        message_id=f"{run.change.change_id}:{campaign.name}:{run.attempt}",
        customer_id=customer_id,
        campaign=campaign.name,
        template=attempt.template,
        incentive=attempt.incentive,
        channel=usable[0],
        other_channels=usable[1:],
        attempt=run.attempt,
        attempts=len(campaign.attempts),
        due_at=format_ms(run.due),
        expires_at=None if campaign.expires_ms is None else format_ms(run.due + campaign.expires_ms),
        timezone=fact(profile, "timezone") or campaigns.timezone,
        language=fact(profile, "language"),
        change=in_message(run.change),
        customer=CustomerInMessage(
            average_check=format_minor(average_check(profile), policy.digits),
            lifetime_orders=profile.lifetime_orders,
            lifetime_value=format_minor(profile.net, policy.digits),
            discount_share=discount_share(profile),
        ),
        campaigns=campaigns.ref,
    )
    return Sent(campaign.topic, message)


def _usable_channels(campaign: Campaign, attempt: Attempt, profile: Profile) -> list[str]:
    """The channels of an attempt that may be used, in order of preference."""
    wanted = attempt.channels or campaign.channels
    if campaign.requires_consent:
        return [channel for channel in wanted if granted(profile, channel) is True]
    return [channel for channel in wanted if granted(profile, channel) is not False]


def _kept_back(
    change: SegmentChanged, campaign: str, attempt: int | None, reason: str, moment: int, campaigns: Campaigns
) -> KeptBack:
    value = Suppression(
        customer_id=change.customer_id,
        campaign=campaign,
        attempt=attempt,
        reason=reason,
        at=format_ms(moment),
        change=in_message(change),
        campaigns=campaigns.ref,
    )
    return KeptBack(change.seq, value)
