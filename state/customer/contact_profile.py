"""Who the customer is: facts of signups, consents and contacts, so kept that their order of arrival does not matter."""

from state.customer.profile import Profile
from state.customer.profile_schema import Consent, ContactProfile, SignupFact
from state.records.events import ConsentChanged, CustomerSignedUp, MessageContacted

CHANNELS = ("email", "sms", "push", "messenger", "call")
REMEMBERED_EVENTS = 64

SIGNUP_FACTS = ("source", "birth_date", "city", "country", "timezone", "language", "referred_by")


def remembers_event(profile: Profile, event_id: str) -> bool:
    """Whether the id is among the last 64 of this customer's signups, consents and contacts."""
    return profile.contact_profile is not None and event_id in profile.contact_profile.event_ids


def sign_up(profile: Profile, event: CustomerSignedUp) -> None:
    """Takes the facts that the signup tells; of two signups the later, or the greater in UTF-8."""
    person = _person(profile, event.event_id)
    for name in SIGNUP_FACTS:
        value: str | None = getattr(event, name)
        if value is None:
            continue
        known = person.facts.get(name)
        if known is None or (event.occurred_at, value.encode()) > (known.signed_up_at, known.value.encode()):
            person.facts[name] = SignupFact(event.occurred_at, value)
    for channel, consent_of in (event.consent or {}).items():
        _consent(person, channel, agreed=consent_of, at=event.occurred_at)


def set_consent(profile: Profile, event: ConsentChanged) -> None:
    """Takes the last word on a channel, or with `all` on every one; at the same moment the refusal."""
    _consent(_person(profile, event.event_id), event.channel, agreed=event.granted, at=event.occurred_at)


def refuse_channel(profile: Profile, channel: str, at: int) -> None:
    """Takes a refusal of a channel, or with `all` of every one, that came as an answer to a message."""
    if profile.contact_profile is not None:
        _consent(profile.contact_profile, channel, agreed=False, at=at)


def count_contact(profile: Profile, event: MessageContacted) -> None:
    """Counts what became of a message."""
    contacts = _person(profile, event.event_id).contacts
    contacts[event.contact] = contacts.get(event.contact, 0) + 1


def consent_of(profile: Profile, channel: str) -> bool | None:
    """True if the customer agreed to the channel, False if they refused it, None if nothing is known."""
    consent = profile.contact_profile.consents.get(channel) if profile.contact_profile is not None else None
    return None if consent is None else consent.granted


def signup_fact(profile: Profile, name: str) -> str | None:
    """A fact of the signups, such as `timezone` or `language`."""
    known = profile.contact_profile.facts.get(name) if profile.contact_profile is not None else None
    return None if known is None else known.value


def _person(profile: Profile, event_id: str) -> ContactProfile:
    person = profile.contact_profile
    if person is None:
        person = profile.contact_profile = ContactProfile({}, {}, {}, [])
    person.event_ids.append(event_id)
    del person.event_ids[:-REMEMBERED_EVENTS]
    return person


def _consent(person: ContactProfile, channel: str, *, agreed: bool, at: int) -> None:
    for each in CHANNELS if channel == "all" else (channel,):
        known = person.consents.get(each)
        if known is None or at > known.changed_at or (at == known.changed_at and not agreed):
            person.consents[each] = Consent(at, agreed)
