"""What a campaign brought: what a customer bought in the days after it began for them, or was kept from them."""

from state.customer.packed_orders import packed_totals_between
from state.customer.profile import Profile
from state.customer.profile_schema import Run
from state.engagement.campaign_context import CampaignContext, trigger_of
from state.engagement.change_snapshot import restore_change
from state.records.outputs import Outcome, OutcomeReported
from state.units.money import format_minor
from state.units.timestamps import format_ms


def report_outcome(run: Run, occasion: CampaignContext) -> None:
    """Tells what a run has brought from its beginning (exclusive) to its end (inclusive)."""
    if run.attribution_ends_at is None:
        return
    orders, net = purchases_between(occasion.profile, run.entered_at, run.attribution_ends_at)
    policy = occasion.rules.policy
    value = Outcome(
        customer_id=occasion.customer_id,
        campaign=run.campaign,
        change=restore_change(occasion.customer_id, run, policy),
        group=run.group,
        sent=len(run.sent),
        opened=len(run.opened),
        clicked=len(run.clicked),
        redeemed=len(run.redeemed),
        cost=format_minor(run.cost, policy.digits),
        orders=orders,
        net=format_minor(net, policy.digits),
        currency=policy.currency,
        from_at=format_ms(run.entered_at),
        to_at=format_ms(run.attribution_ends_at),
        campaigns=occasion.campaigns.ref,
        trigger=trigger_of(run.tag),
    )
    occasion.out.append(OutcomeReported(run.tag, value))


def purchases_between(profile: Profile, after: int, until: int) -> tuple[int, int]:
    """The orders after a moment and up to another that are not fully refunded, and what they brought in, net.

    Both moments lie in the window, or left it just now. A refund without an order counts at its own moment.
    """
    if profile.packed_orders:
        return packed_totals_between(profile, after, until)
    orders = net = 0
    for order in reversed(profile.orders):
        if order.at <= after:
            break
        if order.at <= until:
            orders += not order.fully_refunded
            net += order.net
    if profile.refunds is not None:
        net -= sum(refund.amount for refund in profile.refunds.unlinked if after < refund.at <= until)
    return orders, net
