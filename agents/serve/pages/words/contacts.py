"""Channels, campaign groups and responses in a reader's words."""

from collections.abc import Mapping
from typing import Final

from agents.languages.translations import Texts, mark

CHANNELS: Final[Mapping[str, str]] = {
    "email": mark("email"),
    "sms": mark("SMS"),
    "push": mark("push"),
    "messenger": mark("messenger"),
    "call": mark("call"),
    "all": mark("all channels"),
}


def channel_title(channel: str, texts: Texts) -> str:
    """Return a channel in words; an unknown one as it is."""
    return texts.gettext(CHANNELS[channel]) if channel in CHANNELS else channel
