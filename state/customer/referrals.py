"""Referrals: a signup that names who brought the customer counts for that one too.

`admit` journals such a signup twice: for whom it is of, and as a `CustomerReferred` for the referrer, who may lie in
another partition. The second record says nothing of the first customer: the event's id is hashed, so that an erasure
of theirs leaves nothing of them with the referrer. It judges nobody, and no time comes by it; as any event it counts
for nothing that fell due at its moment or before (`referrals_until`). A referrer of whom nothing is known is counted
as dropped, one who names themselves counts nothing.
"""

from hashlib import sha256
from typing import Final

from state.customer.profile import Profile
from state.customer.profile_schema import ContactProfile
from state.records.events import (
    MAX_ID,
    REFERRAL_SUFFIX,
    AnonymousSale,
    CustomerEvent,
    CustomerReferred,
    CustomerSignedUp,
)

REFERRAL_SOURCES: Final = ("signups", "events")
"""Where signups come from."""
REMEMBERED_REFERRALS: Final = 64
"""Of a customer's referrals so many last ones are known again when they are repeated."""
_ID_DIGITS: Final = 24


def referral_of(customer_id: str, event: CustomerEvent | AnonymousSale) -> tuple[str, CustomerReferred] | None:
    """What an event brings to a referrer, and who that is; None for what brings nothing."""
    if not isinstance(event, CustomerSignedUp):
        return None
    referrer = event.referred_by
    if referrer is None or referrer == customer_id or len(referrer) > MAX_ID:
        return None
    hashed = sha256(f"{customer_id}:{event.event_id}".encode()).hexdigest()[:_ID_DIGITS]
    topic = event.topic + REFERRAL_SUFFIX
    return referrer, CustomerReferred(topic, event.partition, event.offset, hashed, event.occurred_at, event.backfill)


def remembers_referral(profile: Profile, event: CustomerReferred) -> bool:
    """Whether the referral is among the last 64 that counted for this customer."""
    return profile.contact_profile is not None and event.event_id in profile.contact_profile.referral_ids


def count_referral(profile: Profile, event: CustomerReferred, time: int) -> None:
    """Counts a referral for the one who brought it, from its moment on, or from the partition's time if it is late."""
    person = profile.contact_profile
    if person is None:
        person = profile.contact_profile = ContactProfile({}, {}, {}, [])
    person.referrals += 1
    person.referral_ids.append(event.event_id)
    person.referral_times.append(max(event.occurred_at, time))
    del person.referral_ids[:-REMEMBERED_REFERRALS], person.referral_times[:-REMEMBERED_REFERRALS]


def referrals_until(profile: Profile, moment: int) -> int:
    """How many signups that named the customer had come before a moment, to which time may come after later ones."""
    person = profile.contact_profile
    return 0 if person is None else person.referrals - sum(at >= moment for at in person.referral_times)
