"""Apply signups, consents and contacts. The order in which they arrive does not change the result."""

from typing import Final

from state.customer.profile import Profile
from state.customer.profile_schema import Consent, ContactProfile, SignupFact
from state.records.events import CHANNELS, ConsentChanged, CustomerSignedUp, MessageContacted

REMEMBERED_EVENTS: Final = 64
"""Last event ids of a customer that are remembered to recognize duplicates."""

SIGNUP_FACTS: Final = ("source", "birth_date", "city", "country", "timezone", "language", "referred_by")


def remembers_event(profile: Profile, event_id: str) -> bool:
    """Whether the id is among the last 64 of the customer's signups, consents and contacts."""
    return profile.contact_profile is not None and event_id in profile.contact_profile.event_ids


def sign_up(profile: Profile, event: CustomerSignedUp) -> None:
    """Apply a signup. For each fact the latest signup wins; at the same moment, the greater value in UTF-8."""
    contact_profile = _record_event(profile, event.event_id)
    for name in SIGNUP_FACTS:
        value: str | None = getattr(event, name)
        if value is None:
            continue
        known = contact_profile.facts.get(name)
        if known is None or (event.occurred_at, value.encode()) > (known.signed_up_at, known.value.encode()):
            contact_profile.facts[name] = SignupFact(event.occurred_at, value)
    for channel, granted in (event.consent or {}).items():
        _set_consent(contact_profile, channel, granted=granted, at=event.occurred_at)


def set_consent(profile: Profile, event: ConsentChanged) -> None:
    """Apply a consent or refusal, for `all` to every channel. The latest wins; at the same moment, the refusal."""
    contact_profile = _record_event(profile, event.event_id)
    _set_consent(contact_profile, event.channel, granted=event.granted, at=event.occurred_at)


def refuse_channel(profile: Profile, channel: str, at: int) -> None:
    """Refuse a channel, or with `all` every channel, in response to a message."""
    if profile.contact_profile is not None:
        _set_consent(profile.contact_profile, channel, granted=False, at=at)


def count_contact(profile: Profile, event: MessageContacted) -> None:
    """Count a contact by its kind."""
    contacts = _record_event(profile, event.event_id).contacts
    contacts[event.contact] = contacts.get(event.contact, 0) + 1


def consent_of(profile: Profile, channel: str) -> bool | None:
    """Return True if the channel is granted, False if it is refused, None if it is unknown."""
    consent = profile.contact_profile.consents.get(channel) if profile.contact_profile is not None else None
    return None if consent is None else consent.granted


def granted_at(profile: Profile, channel: str) -> int | None:
    """Return when the channel was last granted; None if it is refused or unknown."""
    consent = profile.contact_profile.consents.get(channel) if profile.contact_profile is not None else None
    return consent.changed_at if consent is not None and consent.granted else None


def signup_fact(profile: Profile, name: str) -> str | None:
    """Return a signup fact, such as `timezone` or `language`; None if it is unknown."""
    known = profile.contact_profile.facts.get(name) if profile.contact_profile is not None else None
    return None if known is None else known.value


def _record_event(profile: Profile, event_id: str) -> ContactProfile:
    """Remember the id of an event; return the contact profile, which is created if necessary."""
    contact_profile = profile.contact_profile
    if contact_profile is None:
        contact_profile = profile.contact_profile = ContactProfile({}, {}, {}, [])
    contact_profile.event_ids.append(event_id)
    del contact_profile.event_ids[:-REMEMBERED_EVENTS]
    return contact_profile


def _set_consent(contact_profile: ContactProfile, channel: str, *, granted: bool, at: int) -> None:
    for each in CHANNELS if channel == "all" else (channel,):
        known = contact_profile.consents.get(each)
        if known is None or at > known.changed_at or (at == known.changed_at and not granted):
            contact_profile.consents[each] = Consent(at, granted)
