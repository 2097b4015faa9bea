"""The messages that a customer was sent, and the contacts that campaign engines report about them.

A channel on which a message bounced permanently is dead: it is not used until a consent for it is granted later, since
people change their address. "Later" is by `occurred_at`, so it makes no difference in which order the two arrive.

Records of formats before 3 revive no channel, and one that they killed has no moment: then a consent is later that was
granted after the last message by that channel.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Final

from state.config.policy import Policy
from state.config.sending_limits import FrequencyCap
from state.customer.contact_profile import granted_at, refuse_channel
from state.customer.profile import Profile
from state.customer.profile_schema import Engagement, Run, SentMessage
from state.records.events import CHANNELS, ConsentChanged, CustomerSignedUp, MessageContacted
from state.records.reasons import DropReason
from state.units.money import DIGITS, MAX_TOTAL, convert

REMEMBERED_MESSAGES: Final = 64
REVIVING_FORMAT: Final = 3
"""The first format of the journal whose consents revive channels."""
_STEP: Final = re.compile(r"[1-9][0-9]{0,3}")


def engagement_of(profile: Profile) -> Engagement:
    """Return what campaigns remember of the customer; an empty record is added to the profile if there is none."""
    engagement = profile.engagement
    if engagement is None:
        engagement = profile.engagement = Engagement({}, {}, {}, [], {}, None)
    return engagement


def remember_message(profile: Profile, run: Run, number: int, channel: str, at: int, cap: FrequencyCap | None) -> None:
    """Remember a message for later contacts and for the cap; older messages that neither needs are forgotten."""
    messages = engagement_of(profile).messages
    messages.append(SentMessage(run.tag, run.campaign, number, channel, at))
    surplus = len(messages) - REMEMBERED_MESSAGES
    if surplus > 0:
        since = at if cap is None else at - cap.within_ms
        messages[:surplus] = [message for message in messages[:surplus] if message.due_at > since]


def sent_since(profile: Profile, moment: int) -> int:
    """Return the number of messages of all campaigns that were due after the moment."""
    engagement = profile.engagement
    return 0 if engagement is None else sum(message.due_at > moment for message in engagement.messages)


def is_dead_channel(profile: Profile, channel: str) -> bool:
    """Return whether a message by this channel bounced permanently, after which no consent for it was granted."""
    return profile.engagement is not None and channel in profile.engagement.dead_channels


def revive_channels(profile: Profile, granted: Iterable[str], event: ConsentChanged | CustomerSignedUp) -> None:
    """Revive the granted channels (with `all` every one) that died before the event."""
    engagement = profile.engagement
    if engagement is None or not engagement.dead_channels or event.format_version < REVIVING_FORMAT:
        return
    for channel in granted:
        for each in CHANNELS if channel == "all" else (channel,):
            if each in engagement.dead_channels and _died_at(engagement, each) < event.occurred_at:
                del engagement.dead_channels[each]


def _died_at(engagement: Engagement, channel: str) -> int:
    bounced_at = engagement.dead_channels[channel]
    if bounced_at is not None:
        return bounced_at
    return max((message.due_at for message in engagement.messages if message.channel == channel), default=-1)


def _note_bounce(profile: Profile, channel: str, event: MessageContacted) -> None:
    """Note a permanent bounce, unless a consent was granted after it."""
    dead_channels = engagement_of(profile).dead_channels
    if event.format_version < REVIVING_FORMAT:
        dead_channels.setdefault(channel, None)
        return
    consented_at = granted_at(profile, channel)
    if consented_at is None or consented_at <= event.occurred_at:
        dead_channels[channel] = max(event.occurred_at, dead_channels.get(channel) or 0)


def apply_contact(
    customer_id: str, profile: Profile, event: MessageContacted, policy: Policy, dropped: Counter[DropReason]
) -> None:
    """Apply a contact to the customer's channels, consents and runs.

    A message that is not among the customer's last 64 is counted as dropped. If a customer unsubscribes from such a
    message, or complains about it, its channel is not known, so all channels are refused.
    """
    tag, campaign, number = _parse_message_id(customer_id, event.message_id)
    channel = _channel_of(profile, tag, campaign, number)
    kind = event.contact
    if channel is None:
        dropped[DropReason.CONTACT_OF_UNKNOWN_MESSAGE] += 1
    if kind in ("unsubscribed", "complained"):
        refuse_channel(profile, channel or "all", event.occurred_at)
    elif kind == "bounced" and event.permanent and channel is not None:
        _note_bounce(profile, channel, event)
    cost = _cost_in_base(event, policy, dropped)
    for run in profile.runs:
        if run.tag == tag and run.campaign == campaign and number in run.sent:
            run.cost = min(run.cost + cost, MAX_TOTAL)
            _note_response(run, number, kind)


def _parse_message_id(customer_id: str, message_id: str) -> tuple[str, str, int]:
    """Return tag, campaign and step of a message's id; step 0, which does not exist, for any other id."""
    prefix = f"{customer_id}:"
    parts = message_id[len(prefix) :].split(":") if message_id.startswith(prefix) else []
    if len(parts) != 3 or _STEP.fullmatch(parts[2]) is None:
        return "", "", 0
    return parts[0], parts[1], int(parts[2])


def _channel_of(profile: Profile, tag: str, campaign: str, number: int) -> str | None:
    """Return the channel of a message, None if it is not among the last ones."""
    engagement = profile.engagement
    if engagement is not None:
        for message in engagement.messages[-REMEMBERED_MESSAGES:]:
            if message.tag == tag and message.campaign == campaign and message.step == number:
                return message.channel
    return None


def _note_response(run: Run, number: int, kind: str) -> None:
    """Note that a message of the run was opened, clicked or redeemed, once for each message."""
    steps = {"opened": run.opened, "clicked": run.clicked, "redeemed": run.redeemed}.get(kind)
    if steps is not None and number not in steps:
        steps.append(number)


def _cost_in_base(event: MessageContacted, policy: Policy, dropped: Counter[DropReason]) -> int:
    """Return the message's cost in the base currency at the policy's rate; without a rate 0, counted as dropped."""
    cost, currency = event.cost, event.currency
    if cost is None or currency is None or currency == policy.currency:
        return cost or 0
    rate = policy.rates.get(currency)
    if rate is None:
        dropped[DropReason.COST_WITHOUT_RATE] += 1
        return 0
    return convert(cost, DIGITS[currency], rate, policy.digits)
