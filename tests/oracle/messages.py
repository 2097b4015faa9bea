"""What campaigns publish: the values of messages and suppressions."""

from tests.oracle import moments, money
from tests.oracle.campaigns import Campaigns
from tests.oracle.history import History
from tests.oracle.outputs import JsonObject
from tests.oracle.runs import Attempt, Run


def message(file: Campaigns, run: Run, attempt: Attempt, at: int, history: History) -> JsonObject:
    """The message of an attempt that is sent at its due moment; the customer's figures are those of that moment."""
    campaign = run.campaign
    channel, *other_channels = history.correspondence.channels_left(run, attempt, history.person)
    expires = None if campaign.expires_ms is None else moments.text(at + campaign.expires_ms)
    return {
        "message_id": run.message_id(attempt),
        "customer_id": run.occasion.customer_id,
        "campaign": campaign.name,
        "template": attempt.rung.template,
        "incentive": attempt.rung.incentive,
        "channel": channel,
        "other_channels": other_channels,
        "attempt": attempt.number,
        "attempts": len(run.attempts),
        "due_at": moments.text(at),
        "expires_at": expires,
        "timezone": file.zone_of(history.person.fact("timezone")),
        "language": history.person.fact("language"),
        **run.occasion.block(),
        "customer": {
            "average_check": money.major_text(history.average_check(), history.base),
            "lifetime_orders": history.lifetime_orders(),
            "lifetime_value": money.major_text(history.lifetime_value(), history.base),
            "discount_share": history.discount_share(),
        },
        "campaigns": file.reference,
    }


def suppression(file: Campaigns, run: Run, attempt: Attempt | None, reason: str, at: int) -> JsonObject:
    """What is written instead of a message, or of a whole run (attempt None)."""
    return {
        "customer_id": run.occasion.customer_id,
        "campaign": run.campaign.name,
        "attempt": None if attempt is None else attempt.number,
        "reason": reason,
        "at": moments.text(at),
        **run.occasion.block(),
        "campaigns": file.reference,
    }
