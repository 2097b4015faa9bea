"""What the campaigns remember of their messages, and what becomes of these: contacts fed back by campaign engines."""

import re
from collections import Counter
from typing import Final

from state.config.policy import Policy
from state.config.sending_limits import FrequencyCap
from state.customer.contact_profile import refuse_channel
from state.customer.profile import Profile
from state.customer.profile_schema import Engagement, Run, SentMessage
from state.records.events import MessageContacted
from state.records.reasons import DropReason
from state.units.money import DIGITS, MAX_TOTAL, convert

REMEMBERED_MESSAGES: Final = 64
_ATTEMPT: Final = re.compile(r"[1-9][0-9]{0,3}")


def engagement_of(profile: Profile) -> Engagement:
    """What the campaigns remember of the customer, made if there is nothing yet."""
    engagement = profile.engagement
    if engagement is None:
        engagement = profile.engagement = Engagement({}, {}, {}, [], [], None)
    return engagement


def remember_message(profile: Profile, run: Run, number: int, channel: str, at: int, cap: FrequencyCap | None) -> None:
    """Keeps what later contacts and the cap need of a message."""
    messages = engagement_of(profile).messages
    messages.append(SentMessage(run.tag, run.campaign, number, channel, at))
    older = len(messages) - REMEMBERED_MESSAGES
    if older > 0:
        since = at if cap is None else at - cap.within_ms
        messages[:older] = [message for message in messages[:older] if message.due_at > since]


def sent_since(profile: Profile, moment: int) -> int:
    """How many messages were due after the moment, of all campaigns."""
    engagement = profile.engagement
    return 0 if engagement is None else sum(message.due_at > moment for message in engagement.messages)


def is_dead_channel(profile: Profile, channel: str) -> bool:
    """Whether a message by this channel came back for good."""
    return profile.engagement is not None and channel in profile.engagement.dead_channels


def apply_contact(
    customer_id: str, profile: Profile, event: MessageContacted, policy: Policy, dropped: Counter[DropReason]
) -> None:
    """Lets runs, channels and consents know what became of a message.

    A message that is not among the customer's last 64 is counted; whoever unsubscribes from such a one, or complains of
    it, refuses every channel.
    """
    tag, campaign, attempt = _parts(customer_id, event.message_id)
    channel = _channel_of(profile, tag, campaign, attempt)
    kind = event.contact
    if channel is None:
        dropped[DropReason.CONTACT_OF_UNKNOWN_MESSAGE] += 1
    if kind in ("unsubscribed", "complained"):
        refuse_channel(profile, channel or "all", event.occurred_at)
    elif kind == "bounced" and event.permanent and channel is not None and not is_dead_channel(profile, channel):
        engagement_of(profile).dead_channels.append(channel)
    cost = _cost(event, policy, dropped)
    for run in profile.runs:
        if run.tag == tag and run.campaign == campaign and attempt in run.sent:
            run.cost = min(run.cost + cost, MAX_TOTAL)
            _note(run, attempt, kind)


def _parts(customer_id: str, message_id: str) -> tuple[str, str, int]:
    """Tag, campaign and attempt of a message's id; attempt 0, which there is not, for what is none of theirs."""
    begins = f"{customer_id}:"
    parts = message_id[len(begins) :].split(":") if message_id.startswith(begins) else []
    if len(parts) != 3 or _ATTEMPT.fullmatch(parts[2]) is None:
        return "", "", 0
    return parts[0], parts[1], int(parts[2])


def _channel_of(profile: Profile, tag: str, campaign: str, attempt: int) -> str | None:
    """The channel of a message, if it is among the last ones."""
    engagement = profile.engagement
    if engagement is not None:
        for message in engagement.messages[-REMEMBERED_MESSAGES:]:
            if message.tag == tag and message.campaign == campaign and message.step == attempt:
                return message.channel
    return None


def _note(run: Run, attempt: int, kind: str) -> None:
    """Notes what became of a run's message; each counts once."""
    known = {"opened": run.opened, "clicked": run.clicked, "redeemed": run.redeemed}.get(kind)
    if known is not None and attempt not in known:
        known.append(attempt)


def _cost(event: MessageContacted, policy: Policy, dropped: Counter[DropReason]) -> int:
    """What a message cost, in the base currency at the policy's rate; nothing where there is none, which is counted."""
    cost, currency = event.cost, event.currency
    if cost is None or currency is None or currency == policy.currency:
        return cost or 0
    rate = policy.rates.get(currency)
    if rate is None:
        dropped[DropReason.COST_WITHOUT_RATE] += 1
        return 0
    return convert(cost, DIGITS[currency], rate, policy.digits)
