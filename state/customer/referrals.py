"""Count referrals: a signup that names a referrer counts for the referrer too.

`admit` writes such a signup to the journal twice: for the new customer, and as a `CustomerReferred` for the referrer,
who may be in another partition. The second record contains nothing about the new customer (the event's id is hashed),
so that an erasure leaves nothing of them with the referrer. It evaluates no customer and advances no time. Like any
event, it does not count for what fell due at or before its own moment (`referrals_until`). The referral of an unknown
referrer is dropped and counted as such; a customer who names themselves is not a referrer.
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
"""Topics that contain signups."""
REMEMBERED_REFERRALS: Final = 64
"""Last referrals of a customer that are remembered to recognize duplicates."""
_ID_DIGITS: Final = 24


def referral_of(customer_id: str, event: CustomerEvent | AnonymousSale) -> tuple[str, CustomerReferred] | None:
    """Return the referrer of an event and the record for them; None if there is none."""
    if not isinstance(event, CustomerSignedUp):
        return None
    referrer = event.referred_by
    if referrer is None or referrer == customer_id or len(referrer) > MAX_ID:
        return None
    hashed = sha256(f"{customer_id}:{event.event_id}".encode()).hexdigest()[:_ID_DIGITS]
    origin = event.topic + REFERRAL_SUFFIX, event.partition, event.offset
    return referrer, CustomerReferred(*origin, hashed, event.occurred_at, event.backfill, import_id=event.import_id)


def remembers_referral(profile: Profile, event: CustomerReferred) -> bool:
    """Whether the referral is among the last 64 that counted for the customer."""
    return profile.contact_profile is not None and event.event_id in profile.contact_profile.referral_ids


def count_referral(profile: Profile, event: CustomerReferred, watermark: int) -> None:
    """Count a referral for the referrer, from its `occurred_at` on, or from the watermark if that is later."""
    contact_profile = profile.contact_profile
    if contact_profile is None:
        contact_profile = profile.contact_profile = ContactProfile({}, {}, {}, [])
    contact_profile.referrals += 1
    contact_profile.referral_ids.append(event.event_id)
    contact_profile.referral_times.append(max(event.occurred_at, watermark))
    del contact_profile.referral_ids[:-REMEMBERED_REFERRALS], contact_profile.referral_times[:-REMEMBERED_REFERRALS]


def referrals_until(profile: Profile, moment: int) -> int:
    """Return the number of referrals that count before a moment, even if later ones have arrived already."""
    contact_profile = profile.contact_profile
    return (
        0
        if contact_profile is None
        else contact_profile.referrals - sum(at >= moment for at in contact_profile.referral_times)
    )
