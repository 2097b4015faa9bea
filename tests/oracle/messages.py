"""The values of messages and suppressions."""

from tests.oracle import moments, money
from tests.oracle.campaigns.campaigns_file import Campaigns
from tests.oracle.campaigns.runs import Run, RunStep
from tests.oracle.customers.history import History
from tests.oracle.outputs import JsonObject


def message(file: Campaigns, run: Run, step: RunStep, at: int, history: History) -> JsonObject:
    """Return the message of a step that is sent at its due moment; the customer's figures are those of that moment."""
    campaign = run.campaign
    channel, *other_channels = history.campaigns.allowed_channels(run, step, history.person)
    expires = None if campaign.expires_ms is None else moments.text(at + campaign.expires_ms)
    return {
        "message_id": run.message_id(step),
        "customer_id": run.cause.customer_id,
        "campaign": campaign.name,
        "template": step.definition.template,
        "incentive": step.definition.incentive,
        "channel": channel,
        "other_channels": other_channels,
        "attempt": step.number,
        "attempts": len(run.steps),
        "due_at": moments.text(at),
        "expires_at": expires,
        "timezone": file.zone_of(history.person.fact("timezone")),
        "language": history.person.fact("language"),
        **run.cause.block(),
        "customer": {
            "average_check": money.major_text(history.average_check(), history.base),
            "lifetime_orders": history.lifetime_orders(),
            "lifetime_value": money.major_text(history.lifetime_value(), history.base),
            "discount_share": history.discount_share(),
        },
        "campaigns": file.reference,
    }


def suppression(file: Campaigns, run: Run, step: RunStep | None, reason: str, at: int) -> JsonObject:
    """Return the suppression of a step, or of an entry or the silence of a run (`step` None)."""
    return {
        "customer_id": run.cause.customer_id,
        "campaign": run.campaign.name,
        "attempt": None if step is None else step.number,
        "reason": reason,
        "at": moments.text(at),
        **run.cause.block(),
        "campaigns": file.reference,
    }
