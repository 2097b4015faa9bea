"""Outcomes: what a customer bought within the attribution days after an entry, or after being held out of one."""

from tests.oracle import moments, money
from tests.oracle.campaigns.campaigns_file import Campaign, Campaigns
from tests.oracle.campaigns.entry_causes import EntryCause
from tests.oracle.campaigns.runs import AttributionWatch
from tests.oracle.customers.history import History
from tests.oracle.outputs import JsonObject

GROUPS = {None: "treated", "holdout": "holdout", "control": "control"}
"""Group by the reason that suppressed the entry."""
COUNTED_CONTACTS = ("opened", "clicked", "redeemed")


def new_watch(campaign: Campaign, cause: EntryCause, reason: str | None, history: History) -> AttributionWatch | None:
    """Return the watch for the outcome of an entry; None if it has no outcome."""
    if campaign.attribution_ms == 0 or reason not in GROUPS:
        return None
    until = cause.at + min(campaign.attribution_ms, history.window_ms - 1)
    return AttributionWatch(campaign, cause, GROUPS[reason], until)


def outcome(file: Campaigns, watch: AttributionWatch, history: History) -> JsonObject:
    """Return the outcome, counted from everything known now."""
    since, until = watch.cause.at, watch.until
    orders = [each for each in history.kept_orders() if since < each.occurred_at <= until]
    refunds = [each for each in history.refunds_without_order if since < each.occurred_at <= until]
    engagement = history.campaigns
    sent = {
        each.message_id
        for each in engagement.sent
        if each.run.campaign.name == watch.campaign.name and each.run.cause == watch.cause
    }
    net = sum(order.net for order in orders) - sum(refund.value for refund in refunds)
    contacts = [each for each in engagement.contacts if each.message_id in sent]
    return {
        "customer_id": watch.cause.customer_id,
        "campaign": watch.campaign.name,
        **watch.cause.block(),
        "group": watch.group,
        "sent": len(sent),
        **{kind: len({each.message_id for each in contacts if each.kind == kind}) for kind in COUNTED_CONTACTS},
        "cost": money.major_text(sum(each.cost for each in contacts), history.base),
        "orders": len(orders),
        "net": money.major_text(net, history.base),
        "currency": history.base,
        "from_at": moments.text(since),
        "to_at": moments.text(until),
        "campaigns": file.reference,
    }
