"""Outcomes: what became of a campaign begun, or held back on purpose, within so many days."""

from tests.oracle import moments, money
from tests.oracle.campaigns import Campaign, Campaigns
from tests.oracle.entry_causes import EntryCause
from tests.oracle.history import History
from tests.oracle.outputs import JsonObject
from tests.oracle.runs import AttributionWatch

GROUPS = {None: "treated", "holdout": "holdout", "control": "control"}
"""By the reason that kept the campaign back."""
COUNTED = ("opened", "clicked", "redeemed")


def watch(campaign: Campaign, occasion: EntryCause, reason: str | None, history: History) -> AttributionWatch | None:
    """What is to be told of a beginning; None where nothing is."""
    if campaign.attribution_ms == 0 or reason not in GROUPS:
        return None
    until = occasion.at + min(campaign.attribution_ms, history.window_ms - 1)
    return AttributionWatch(campaign, occasion, GROUPS[reason], until)


def outcome(file: Campaigns, watched: AttributionWatch, history: History) -> JsonObject:
    """What is told of it, counted from everything that is known by now."""
    since, until = watched.occasion.at, watched.until
    orders = [each for each in history.standing_orders() if since < each.occurred_at <= until]
    loose = [each for each in history.loose if since < each.occurred_at <= until]
    mail = history.correspondence
    sent = {
        each.message_id
        for each in mail.sent
        if each.run.campaign.name == watched.campaign.name and each.run.occasion == watched.occasion
    }
    net = sum(order.net for order in orders) - sum(refund.value for refund in loose)
    heard = [each for each in mail.heard if each.message_id in sent]
    return {
        "customer_id": watched.occasion.customer_id,
        "campaign": watched.campaign.name,
        **watched.occasion.block(),
        "group": watched.group,
        "sent": len(sent),
        **{kind: len({each.message_id for each in heard if each.kind == kind}) for kind in COUNTED},
        "cost": money.major_text(sum(each.cost for each in heard), history.base),
        "orders": len(orders),
        "net": money.major_text(net, history.base),
        "currency": history.base,
        "from_at": moments.text(since),
        "to_at": moments.text(until),
        "campaigns": file.reference,
    }
