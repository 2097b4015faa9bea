"""Why something did not happen: a record rejected, a message suppressed, an event dropped, a journal record skipped.

Each member is the word on topics and in metric labels; its `meaning` is the one line that metrics, documents and the
customer story show for it. The members of an enum are in the order in which the metrics list them.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """A reason; equal to its value as a plain string, and written to JSON and MessagePack as that string.

    Attributes:
        meaning: what the reason says, as the rest of a sentence.
    """

    meaning: str

    def __new__(cls, value: str, meaning: str = "") -> Self:
        """Take the value and the meaning; the meaning is absent where a member is looked up by its value."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


class RejectionReason(Reason):
    """Why a record of a source topic is not an event: header `goldstream-reason`, `reason` of the rejected metric.

    If several reasons apply, the first one listed here is given.
    """

    OVERSIZE = "oversize", "the value is over 64 KiB"
    MALFORMED = "malformed", "the value is not UTF-8, or not a JSON object"
    INVALID = "invalid", "a field is missing or of the wrong kind"
    AMOUNT = "amount", "an amount is negative, has too many digits or is too large, or a refund is zero"
    CURRENCY = "currency", "the currency is unknown, or has no rate"
    FUTURE = "future", "the event is more than 5 minutes ahead of the wall clock"


class SuppressionReason(Reason):
    """Why a message or a whole campaign was suppressed: `reason` on `suppressions`, `outcome` of the messages metric.

    In which order the first eight are checked is in `state.engagement.suppression`; the others come from the life of a
    run (`state.engagement.run`, `state.engagement.decide`).
    """

    BACKFILL = "backfill", "the change is history, or earlier than the beginning of the campaigns"
    SILENCED = "silenced", "messages to the customer have stopped: they responded to none of an earlier campaign"
    CONTROL = "control", "the customer is in the control group, which no campaign reaches"
    ONCE = "once", "the customer has entered this campaign before, and it allows one entry"
    COOLDOWN = "cooldown", "an earlier entry into this campaign is still open or too recent"
    HOLDOUT = "holdout", "the customer is in the holdout group of this campaign"
    CONSENT = "consent", "no usable channel: no consent, opted out or permanently bounced"
    CAP = "cap", "the frequency cap is reached"
    SUPERSEDED = "superseded", "the customer bought or left the campaign's segments, or the campaigns file changed"
    SILENCE_BEGAN = "silence-began", "the customer responded to none of the messages: no more are sent"
    SILENCE_ENDED = "silence-ended", "the customer bought or granted a consent: messages are sent again"


class DropReason(Reason):
    """Why an admitted event, or a part of it, could not count: `reason` of the metric of dropped events."""

    EXCESS_REFUND = "excess_refund", "more was refunded than was paid; the excess has no effect"
    REFUND_WITHOUT_ORDER = "refund_without_order", "the order of the refund did not arrive within the window"
    CONTACT_OF_UNKNOWN = "contact_of_unknown", "the contact is of an unknown customer"
    CONTACT_OF_UNKNOWN_MESSAGE = (
        "contact_of_unknown_message",
        "the contact is of a message that is not among the customer's last ones; it counts, but for no campaign",
    )
    REFERRAL_OF_UNKNOWN = "referral_of_unknown", "the signup names an unknown customer as its referrer"
    AFTER_ERASURE = "after_erasure", "the customer was erased, and the event does not make them known again"
    REFUND_WITHOUT_RATE = "refund_without_rate", "the refund is in another currency than its order and has no rate"
    COST_WITHOUT_RATE = "cost_without_rate", "the policy has no rate for the currency of a message's cost"
    BEYOND_SUMS = "beyond_sums", "the customer's totals have no room for the event"
    FAULTY_RULES = "faulty_rules", "the journal has a policy or campaigns with errors, which `control` never accepts"


class Fence(Reason):
    """What recognized a journal record as already applied: `fence` of the metric of skipped records."""

    SOURCE = "source", "journaled twice"
    CUSTOMER = "customer", "already in the customer's state"


class Group(Reason):
    """The group of a customer in a campaign: `group` on `outcomes` and of a run in the table."""

    TREATED = "treated", "the campaign's messages are sent"
    HOLDOUT = "holdout", "no message of this campaign is sent"
    CONTROL = "control", "no message of any campaign is sent"


def enumerate_values(reasons: Iterable[Reason]) -> str:
    """Return the values as a list in prose: `a, b or c`."""
    *first, last = reasons
    return f"{', '.join(first)} or {last}" if first else str(last)
