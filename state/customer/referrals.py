"""Referrals: a signup that names who brought the customer counts for that one too.

`admit` journals such a signup twice: for whom it is of, and as a `ReferralBrought` for the referrer, who may lie in
another partition. The second record says nothing of the first customer: the event's id is hashed, so that an erasure
of theirs leaves nothing of them with the referrer. It judges nobody, and no time comes by it; as any event it counts
for nothing that fell due at its moment or before (`referrals_before`). A referrer of whom nothing is known is counted
as dropped, one who names themselves counts nothing.
"""

from hashlib import sha256
from typing import Final

from state.customer.profile import Profile
from state.customer.profile_schema import Person
from state.intake.field_reader import MAX_ID
from state.records.events import REFERRER, AnonymousSale, CustomerEvent, CustomerSignedUp, ReferralBrought

SOURCES: Final = ("signups", "events")
"""Where signups come from."""
OF_UNKNOWN: Final = "referral_of_unknown"
REMEMBERED: Final = 64
"""Of a customer's referrals so many last ones are known again when they are repeated."""
_ID_DIGITS: Final = 24


def referral_of(customer_id: str, event: CustomerEvent | AnonymousSale) -> tuple[str, ReferralBrought] | None:
    """What an event brings to a referrer, and who that is; None for what brings nothing."""
    if not isinstance(event, CustomerSignedUp):
        return None
    referrer = event.referred_by
    if referrer is None or referrer == customer_id or len(referrer) > MAX_ID:
        return None
    hashed = sha256(f"{customer_id}:{event.event_id}".encode()).hexdigest()[:_ID_DIGITS]
    topic = event.topic + REFERRER
    return referrer, ReferralBrought(topic, event.partition, event.offset, hashed, event.occurred_at, event.backfill)


def remembers_referral(profile: Profile, event: ReferralBrought) -> bool:
    """Whether the referral is among the last 64 that counted for this customer."""
    return profile.person is not None and event.event_id in profile.person.brought


def count_referral(profile: Profile, event: ReferralBrought, time: int) -> None:
    """Counts a referral for the one who brought it, from its moment on, or from the partition's time if it is late."""
    person = profile.person
    if person is None:
        person = profile.person = Person({}, {}, {}, [])
    person.referrals += 1
    person.brought.append(event.event_id)
    person.brought_at.append(max(event.occurred_at, time))
    del person.brought[:-REMEMBERED], person.brought_at[:-REMEMBERED]


def referrals_before(profile: Profile, moment: int) -> int:
    """How many signups that named the customer had come before a moment, to which time may come after later ones."""
    person = profile.person
    return 0 if person is None else person.referrals - sum(at >= moment for at in person.brought_at)
