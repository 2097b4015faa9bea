"""The ledger of erasures: the little that is kept of somebody who asked to be forgotten."""

from hashlib import sha256

import msgspec

from state.records.events import UnknownFormatVersion

FORMAT = 1
_PREFIX = bytes([FORMAT])


class Erasure(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What the ledger says under the hash of a customer's id.

    Attributes:
        seq: the customer's last change; one who comes back counts on from it.
        occurred_at: of the erasure, in milliseconds; only a later signup or purchase makes the customer known again.
        offset: of the erasure in the journal; states and records of the customer at or below it are dropped.
    """

    seq: int
    occurred_at: int
    offset: int


def encode_erasure(erasure: Erasure) -> bytes:
    """What the ledger says as a record: one byte of format version, then MessagePack."""
    return _PREFIX + _encoder.encode(erasure)


def decode_erasure(value: bytes) -> Erasure:
    """What a record of the ledger says.

    Raises:
        UnknownFormat: the record was written by a version that this one does not know.
    """
    if value[:1] != _PREFIX:
        raise UnknownFormatVersion(value[0] if value else None)
    return _decoder.decode(value[1:])


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Erasure)


def erasure_key(customer_id: str) -> bytes:
    """The SHA-256 of the id: the ledger does not name whom it has forgotten."""
    return sha256(customer_id.encode()).digest()
