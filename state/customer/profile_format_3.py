"""Read profiles of format 3, which the next change of the customer replaces by the current format.

Format 3 had no horizon, did not note when channels died, and did not note when a silence began.
"""

from typing import Any, Final, cast, get_args

import msgspec

from state.customer.native_profile import ProfileFields
from state.customer.profile_schema import ChangeSnapshot, Engagement, SentMessage, Silence

FORMAT_3: Final = 3


class _Silence(msgspec.Struct, array_like=True, gc=False):
    campaign: str
    tag: str
    entry_change: ChangeSnapshot | None
    entered_at: int


class _Engagement(msgspec.Struct, array_like=True, gc=False):
    last_entries: dict[str, int]
    control_entries: dict[str, int]
    trigger_tags: dict[str, list[str]]
    messages: list[SentMessage]
    dead_channels: list[str]
    silence: _Silence | None


_ENGAGEMENT: Final = get_args(ProfileFields).index(Engagement | None)
_TYPES: Any = tuple(_Engagement | None if each == Engagement | None else each for each in get_args(ProfileFields)[:-1])
_decode: Final = msgspec.msgpack.Decoder(tuple[_TYPES]).decode
_NO_HORIZON: Final = 0


def decode_format_3(data: bytes) -> ProfileFields:
    """Return the fields of a profile whose MessagePack this is, without the version byte."""
    fields: tuple[Any, ...] = _decode(data)
    engagement = _converted(fields[_ENGAGEMENT])
    return cast("ProfileFields", (*fields[:_ENGAGEMENT], engagement, *fields[_ENGAGEMENT + 1 :], _NO_HORIZON))


def _converted(stored: _Engagement | None) -> Engagement | None:
    if stored is None:
        return None
    return Engagement(
        stored.last_entries,
        stored.control_entries,
        stored.trigger_tags,
        stored.messages,
        dict.fromkeys(stored.dead_channels),
        None if stored.silence is None else _converted_silence(stored.silence, stored.messages),
    )


def _converted_silence(stored: _Silence, messages: list[SentMessage]) -> Silence:
    """Return a silence that began, as far as one can tell, with the last message of its run."""
    own = [message.due_at for message in messages if (message.tag, message.campaign) == (stored.tag, stored.campaign)]
    began_at = max(own, default=stored.entered_at)
    return Silence(stored.campaign, stored.tag, stored.entry_change, stored.entered_at, began_at)
