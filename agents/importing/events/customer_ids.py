"""Ids of customers and orders as events carry them: prefixed, hashed with a key, or derived from contents."""

import hmac
import os
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from agents.importing.findings import ImportRefused
from agents.importing.mapping.mapping import Identify
from state.records.events import MAX_ID

_HASH_BYTES: Final = 12
_MIN_KEY_BYTES: Final = 16
_SEPARATOR: Final = "\x1f"


def normalize_email(text: str) -> str:
    """Return an address as it serves as an id: without surrounding spaces, in lower case."""
    return text.strip().lower()


def hashed_id(key: bytes, text: str) -> str:
    """Return the keyed hash of an id: `h:` and the HMAC-SHA256 in hexadecimal."""
    return f"h:{hmac.digest(key, text.encode(), 'sha256').hex()}"


def read_key(identify: Identify | None) -> bytes | None:
    """Return the key of the hash; None if ids are not hashed.

    Raises:
        ImportRefused: the variable or the file does not exist, or holds too short a key.
    """
    if identify is None or not (identify.key_env or identify.key_file):
        return None
    if identify.key_env:
        place, value = f"the variable {identify.key_env}", os.environ.get(identify.key_env, "").strip()
    else:
        place = identify.key_file
        try:
            value = Path(identify.key_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ImportRefused(f"identify: {place} cannot be read ({error}); name an existing file") from error
    if len(value.encode()) < _MIN_KEY_BYTES:
        raise ImportRefused(f"identify: {place} must hold a key of at least {_MIN_KEY_BYTES} bytes")
    return value.encode()


def derived_id(*contents: object) -> str:
    """Return an id for something without a number: a hash of its contents, never of its place in a file."""
    text = _SEPARATOR.join("" if each is None else str(each) for each in contents)
    return f"imp-{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=_HASH_BYTES).hexdigest()}"


def bounded_id(prefix: str, text: str) -> str:
    """Return `prefix:text`, or if that is too long for an id, with a hash in place of the text."""
    whole = f"{prefix}:{text}"
    return whole if len(whole) <= MAX_ID else f"{prefix}:{derived_id(text)}"


def refunded_id(order_id: str, total: str) -> str:
    """Return the id of the refund after which so much is refunded of an order in all.

    Args:
        order_id: of the order, with its prefix.
        total: in major units, with all digits of the currency.
    """
    return bounded_id(f"{order_id}:refunded", total)


def refund_of_order_id(order_number: str, at_ms: int | None, minor: int, currency: str, ordinal: int) -> str:
    """Return the id, without prefix, of a refund of an order that has no number of its own.

    Args:
        order_number: of the order, without prefix.
        at_ms: its moment; None if nothing states it.
        minor: amount in minor units.
        currency: of the amount.
        ordinal: among equal refunds of the order at the same moment, from 1.
    """
    return bounded_id(order_number, f"refund:{derived_id(at_ms, minor, currency, ordinal)}")


class IdPrefixes(msgspec.Struct, frozen=True):
    """Makes the ids of an import.

    Attributes:
        source: prefix of customers and orders, without the colon; empty: none.
        key: of the hash of customer ids; None: they are not hashed.
    """

    source: str = ""
    key: bytes | None = None

    def customer(self, text: str | None) -> str:
        """Return the id of a customer; empty for a guest."""
        if not text:
            return ""
        return self.order(hashed_id(self.key, text) if self.key is not None else text)

    def order(self, text: str) -> str:
        """Return an order number, or another id that two shops can share, with the prefix."""
        return f"{self.source}:{text}" if self.source else text

    def longest(self) -> int:
        """Return the greatest length of a text that fits into an id."""
        return MAX_ID - (len(self.source) + 1 if self.source else 0)
