"""Encode and decode profiles: one byte of format version, then a MessagePack array of the fields.

A profile is changed in place, and only by the functions of `state.customer`, `state.fold.transitions` and
`state.engagement`; all other code treats it as a value.
"""

from typing import Final

import msgspec

from state.customer.native_profile import Profile, ProfileFields
from state.customer.profile_format_3 import FORMAT_3, decode_format_3
from state.customer.profile_schema import ProfileHead, ProfileRecord
from state.records.events import UnknownFormatVersion
from state.units.timestamps import NEVER

__all__ = ["FORMAT", "Profile", "decode_head", "decode_profile", "encode_profile", "new_profile", "peek_due"]

FORMAT: Final = 4
_PREFIX: Final = bytes([FORMAT])
_DUE_AT: Final = len(_PREFIX) + 3
"""Index of `due`: it follows the version byte and the header of an array of 16 elements or more."""
_UINT64: Final = 0xCF

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(ProfileFields).decode
_decode_head: Final = msgspec.msgpack.Decoder(ProfileHead).decode


def new_profile(offset: int, seq: int, evaluated_at: int) -> Profile:
    """Return the profile of a customer of whom nothing is known yet."""
    record = ProfileRecord(NEVER, offset, seq, "", evaluated_at=evaluated_at)
    return Profile(msgspec.structs.astuple(record))


def stored_fields(profile: Profile) -> ProfileFields | ProfileRecord:
    """Return what is stored of a profile; orders and refunds that its chunks store are left out."""
    index = profile.order_index
    if index is None:
        return profile.fields
    record = ProfileRecord(*profile.fields)
    if profile.chunks:  # without chunks, `profile.orders` is the same set and sorted
        record.orders = index.unchunked
    if profile.refund_chunks:
        record.refunds = None
    return record


def encode_profile(profile: Profile) -> bytes:
    """Return a profile as a record of the table."""
    return _PREFIX + _encode(stored_fields(profile))


def decode_profile(value: bytes) -> Profile:
    """Return the profile of a record of the table.

    Raises:
        UnknownFormatVersion: The record was written by a version that is not known here.
    """
    if value[0] == FORMAT:
        return Profile(_decode(value[1:]))
    if value[0] == FORMAT_3:
        return Profile(decode_format_3(value[1:]))
    raise UnknownFormatVersion(value[0])


def copy_fields(profile: Profile) -> Profile:
    """Return a copy of what is stored of a profile that shares nothing with it."""
    return Profile(_decode(_encode(stored_fields(profile))))


def decode_head(value: bytes) -> ProfileHead:
    """Return the first fields of an encoded profile.

    Raises:
        UnknownFormatVersion: As for `decode_profile`.
    """
    if value[0] != FORMAT and value[0] != FORMAT_3:
        raise UnknownFormatVersion(value[0])
    return _decode_head(value[1:])


def peek_due(value: bytes) -> int:
    """Return the due moment of an encoded profile without decoding it."""
    if value[_DUE_AT] == _UINT64:  # every time after 1970-02-19
        return int.from_bytes(value[_DUE_AT + 1 : _DUE_AT + 9], "big")
    return decode_head(value).due
