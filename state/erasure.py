"""The ledger of erasures: the little that is kept of somebody who asked to be forgotten."""

from hashlib import sha256

import msgspec


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


def erasure_key(customer_id: str) -> bytes:
    """The SHA-256 of the id: the ledger does not name whom it has forgotten."""
    return sha256(customer_id.encode()).digest()
