"""What a history comes to by the oracle: everything of campaigns that a history of a few steps may easily miss."""

from collections.abc import Iterator
from typing import Final

from tests.oracle.campaign_history import CampaignHistory
from tests.oracle.journal import Partition
from tests.oracle.outputs import MESSAGE_TYPES, OUTCOMES, SUPPRESSIONS, JsonObject
from tests.oracle.runs import SENT
from tests.property.histories import History

WHOLE: Final = ("backfill", "silenced", "control", "once", "cooldown", "holdout", "silence-began", "silence-ended")
ATTEMPT: Final = ("silenced", "consent", "cap", "superseded")
CONDITIONS: Final = (
    *("discount_seeker", "difficult", "lifetime_orders_min", "lifetime_orders_max", "referrals_min"),
    *("city", "country", "language", "source", "favourite_store", "favourite_channel"),
)
EVERYTHING: Final = (
    *(f"a campaign: {reason}" for reason in WHOLE),
    *(f"an attempt: {reason}" for reason in ATTEMPT),
    *(f"a campaign that asks for {name}" for name in CONDITIONS),
    *("a birthday", "overdue", "a message", "a message that expires", "a message after the first"),
    *("an outcome: treated", "an outcome: holdout", "an outcome: control", "an outcome that counts an order"),
    *(
        "a message at the end of quiet hours",
        "a message by another channel",
        "a dead channel",
        "an answer",
        "a refusal",
    ),
)


def reached(history: History) -> set[str]:
    """Which of `EVERYTHING` the history comes to, by what was published and by what the oracle remembers at its end."""
    partition = Partition("reached")
    for step in history.steps:
        partition.apply(step)
    partition.close()
    found = {each for output in partition.result.outputs for each in _told(output.topic, output.value or {})}
    found |= {f"a campaign that asks for {name}" for name in partition.result.conditions_checked}
    for customer in partition.customers.values():
        found |= set(_remembered(customer.history.campaigns))
    return found


def _told(topic: str, value: JsonObject) -> Iterator[str]:
    if value.get("trigger") is not None:
        yield {"birthday": "a birthday", "overdue": "overdue"}[value["trigger"]]
    if topic == SUPPRESSIONS:
        yield f"{'a campaign' if value['attempt'] is None else 'an attempt'}: {value['reason']}"
    elif topic == OUTCOMES:
        yield f"an outcome: {value['group']}"
        yield from ["an outcome that counts an order"] * bool(value["orders"])
    elif topic in MESSAGE_TYPES:
        yield "a message"
        yield from ["a message that expires"] * (value["expires_at"] is not None)
        yield from ["a message after the first"] * (value["attempt"] > 1)


def _remembered(mail: CampaignHistory) -> Iterator[str]:
    heard = {each.kind for each in mail.contacts}
    yield from ["an answer"] * bool(heard & {"clicked", "redeemed"})
    yield from ["a refusal"] * bool(heard & {"unsubscribed", "complained"})
    yield from ["a dead channel"] * bool(mail.dead_channels)
    for run in mail.runs:
        if any(each.result == SENT and each.due_at != each.base_at for each in run.steps):
            yield "a message at the end of quiet hours"
    for message in mail.sent:
        rungs = message.run.campaign.steps
        if message.channel != rungs[int(message.message_id.rpartition(":")[2]) - 1].channels[0]:
            yield "a message by another channel"
