"""The erasure ledger: the little that remains of an erased customer."""

from hashlib import sha256

import msgspec

from state.records.events import UnknownFormatVersion

FORMAT = 1
_PREFIX = bytes([FORMAT])


class Erasure(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The ledger's entry for a customer, keyed by a hash of the id.

    Attributes:
        seq: Number of the customer's last segment change; a returning customer continues from it.
        occurred_at: `occurred_at` of the erasure. Only a later signup or purchase makes the customer known again.
        offset: Journal offset of the erasure. States and records of the customer at or below it are dropped.
    """

    seq: int
    occurred_at: int
    offset: int


def encode_erasure(erasure: Erasure) -> bytes:
    """Return an entry as a record of the ledger: one byte of format version, then MessagePack."""
    return _PREFIX + _encoder.encode(erasure)


def decode_erasure(value: bytes) -> Erasure:
    """Return the entry of a record of the ledger.

    Raises:
        UnknownFormatVersion: The record was written by a version that is not known here.
    """
    if value[:1] != _PREFIX:
        raise UnknownFormatVersion(value[0] if value else None)
    return _decoder.decode(value[1:])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Erasure)


def erasure_key(customer_id: str) -> bytes:
    """Return the SHA-256 of a customer id, so that the ledger does not contain the ids of erased customers."""
    return sha256(customer_id.encode()).digest()
