"""The outcome of a run: what the customer bought during `attribution_days` after the entry, in any group."""

from state.customer.packed_orders import packed_totals_between
from state.customer.profile import Profile
from state.customer.profile_schema import Run
from state.engagement.campaign_context import CampaignContext
from state.engagement.change_snapshot import restore_change
from state.engagement.triggers import trigger_of
from state.records.outputs import Outcome, OutcomeReported
from state.units.money import format_minor
from state.units.timestamps import format_ms


def report_outcome(run: Run, context: CampaignContext) -> None:
    """Publish what the customer bought after the entry (exclusive) until the end of attribution (inclusive)."""
    if run.attribution_ends_at is None:
        return
    orders, net = purchases_between(context.profile, run.entered_at, run.attribution_ends_at)
    policy = context.rules.policy
    value = Outcome(
        customer_id=context.customer_id,
        campaign=run.campaign,
        change=restore_change(context.customer_id, run, policy),
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
        campaigns=context.campaigns.ref,
        trigger=trigger_of(run.tag),
    )
    context.outputs.append(OutcomeReported(run.tag, value))


def purchases_between(profile: Profile, after: int, until: int) -> tuple[int, int]:
    """Return the number of orders in `(after, until]` that are not fully refunded, and their net revenue.

    Both moments are in the window, or left it just now. A refund without an order counts at its own moment.
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
