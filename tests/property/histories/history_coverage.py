"""Which features of campaigns a history reaches: those that a history of a few steps easily misses."""

from collections.abc import Iterator
from typing import Final

from tests.oracle.campaigns.campaign_history import CampaignHistory
from tests.oracle.campaigns.runs import SENT
from tests.oracle.journal import Partition
from tests.oracle.outputs import MESSAGE_TYPES, OUTCOMES, SUPPRESSIONS, JsonObject
from tests.property.histories.random_histories import History

ENTRY_REASONS: Final = (
    "backfill",
    "silenced",
    "control",
    "once",
    "cooldown",
    "holdout",
    "silence-began",
    "silence-ended",
)
STEP_REASONS: Final = ("silenced", "consent", "cap", "superseded")
CONDITIONS: Final = (
    *("discount_seeker", "difficult", "lifetime_orders_min", "lifetime_orders_max", "referrals_min"),
    *("city", "country", "language", "source", "favourite_store", "favourite_channel"),
)
FEATURES: Final = (
    *(f"campaign: {reason}" for reason in ENTRY_REASONS),
    *(f"step: {reason}" for reason in STEP_REASONS),
    *(f"condition: {name}" for name in CONDITIONS),
    *("a birthday", "overdue", "a message", "a message that expires", "a message after the first"),
    *("a change by time is history", "a reactivation outlasts history", "a silence outlasts history"),
    *("a channel is revived", "before the beginning"),
    *("an outcome: treated", "an outcome: holdout", "an outcome: control", "an outcome that counts an order"),
    *(
        "a message at the end of quiet hours",
        "a message by another channel",
        "a dead channel",
        "a response",
        "a refusal",
    ),
)


def features_reached(history: History) -> set[str]:
    """Return the `FEATURES` that the history reaches, by its outputs and by the oracle's final state."""
    partition = Partition("coverage")
    for step in history.steps:
        partition.apply(step)
    partition.close()
    features = {
        each for output in partition.result.outputs for each in _features_of_output(output.topic, output.value or {})
    }
    features |= {f"condition: {name}" for name in partition.result.conditions_checked} | partition.result.rules_met
    for customer in partition.customers.values():
        features |= set(_features_of_history(customer.history.campaigns))
    return features


def _features_of_output(topic: str, value: JsonObject) -> Iterator[str]:
    if value.get("trigger") is not None:
        yield {"birthday": "a birthday", "overdue": "overdue"}[value["trigger"]]
    if topic == SUPPRESSIONS:
        yield f"{'campaign' if value['attempt'] is None else 'step'}: {value['reason']}"
    elif topic == OUTCOMES:
        yield f"an outcome: {value['group']}"
        yield from ["an outcome that counts an order"] * bool(value["orders"])
    elif topic in MESSAGE_TYPES:
        yield "a message"
        yield from ["a message that expires"] * (value["expires_at"] is not None)
        yield from ["a message after the first"] * (value["attempt"] > 1)


def _features_of_history(campaigns: CampaignHistory) -> Iterator[str]:
    contact_kinds = {each.kind for each in campaigns.contacts}
    yield from ["a response"] * bool(contact_kinds & {"clicked", "redeemed"})
    yield from ["a refusal"] * bool(contact_kinds & {"unsubscribed", "complained"})
    yield from ["a dead channel"] * bool(campaigns.bounces)
    for run in campaigns.runs:
        if any(each.result == SENT and each.due_at != each.base_at for each in run.steps):
            yield "a message at the end of quiet hours"
    for message in campaigns.sent:
        definitions = message.run.campaign.steps
        if message.channel != definitions[int(message.message_id.rpartition(":")[2]) - 1].channels[0]:
            yield "a message by another channel"
