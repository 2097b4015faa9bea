"""The table of a journal partition: its customers' profiles, and the changelog that it is recovered from.

The key of a profile is the customer's id in UTF-8. The key of a chunk of a long history is the byte 0xFF, which no
UTF-8 text starts with, its number and the id. The keys of day totals (`state.daily.day_store`) and of fences start with
that byte, too.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from state.customer.order_chunks import MissingChunk, join_chunks, seal_chunks
from state.customer.packed_orders import pack_orders
from state.customer.profile import Profile, decode_head, decode_profile, encode_profile, peek_due
from state.customer.profile_schema import ProfileHead, StoredForecast
from state.daily.day_store import DayStore, Record, is_day_key
from state.units.timestamps import NEVER

_CHUNK_KEY: Final = struct.Struct(">BQ")
_CHUNK_MARK: Final = 0xFF


class FlushPlan(NamedTuple):
    """What to write to the changelog, in this order (`agents.segment.write_plan` says why).

    Attributes:
        stale_chunks: tombstones of chunks that a crash left and no profile refers to.
        chunks: of long histories.
        profiles: with tombstones of customers who were removed.
        obsolete_chunks: tombstones of chunks that the profiles no longer refer to.
    """

    stale_chunks: list[Record]
    chunks: list[Record]
    profiles: list[Record]
    obsolete_chunks: list[Record]


FENCE_KEY: Final = bytes([_CHUNK_MARK])
"""The key of the first record that a lane writes, without a value: it tells the broker the epoch of its producer."""


def is_chunk(key: bytes) -> bool:
    """Return whether this is the key of a chunk, of day totals or of a fence, not of a customer."""
    return key[0] == _CHUNK_MARK


def is_chunk_of(key: bytes, customer_key: bytes) -> bool:
    """Return whether this is the key of a chunk of a customer, whose key is given too."""
    return key[0] == _CHUNK_MARK and len(key) > _CHUNK_KEY.size and key[_CHUNK_KEY.size :] == customer_key


class CustomersTable:
    """The profiles of one partition: as bytes, or as objects if they changed since the last flush.

    A profile is decoded when it is used and encoded once for each flush, however many events changed it in between.
    Bytes take a fifth of the memory of objects, and no time of the garbage collector. Only customers with long
    histories stay objects.

    Attributes:
        days: the totals of the partition's days, which have their own flush.
    """

    def __init__(self) -> None:
        self.days = DayStore()
        self._encoded: dict[str, bytes] = {}
        self._long: dict[str, Profile] = {}
        self._changed: dict[str, Profile] = {}
        self._removed: set[str] = set()
        self._chunks: dict[str, dict[int, bytes]] = {}
        self._last_chunks: dict[str, int] = {}
        self._stale: list[Record] = []
        self._obsolete: list[Record] = []

    def __len__(self) -> int:
        """Return the number of customers."""
        return len(self._encoded) + sum(1 for each in self._changed if each not in self._encoded)

    def get(self, customer_id: str) -> Profile | None:
        """Return the customer's profile; None for an unknown customer.

        Raises:
            MissingChunk: the changelog does not have all parts of the profile.
        """
        profile = self._changed.get(customer_id)
        if profile is None:
            value = self._encoded.get(customer_id)
            if value is None:
                return None
            profile = self._long.get(customer_id)
            if profile is None:
                profile = decode_profile(value)
                if profile.chunks or profile.refund_chunks:  # `finish_restore` has found none of them
                    raise MissingChunk((profile.chunks or profile.refund_chunks)[0])
        return profile

    def put(self, customer_id: str, profile: Profile) -> None:
        """Store the profile; the next flush writes it to the changelog."""
        self._changed[customer_id] = profile

    def remove(self, customer_id: str) -> None:
        """Remove the customer; the next flush writes tombstones."""
        profile = self.get(customer_id)
        if profile is not None:
            self._last_chunks[customer_id] = max(profile.last_chunk, self._last_chunks.get(customer_id, 0))
            self._obsolete.extend(
                (_chunk_key(number, customer_id), None) for number in (*profile.chunks, *profile.refund_chunks)
            )
        self._changed.pop(customer_id, None)
        self._encoded.pop(customer_id, None)
        self._long.pop(customer_id, None)
        self._chunks.pop(customer_id, None)
        self._removed.add(customer_id)

    def ids(self) -> Iterable[str]:
        """Return the ids of all customers."""
        return list(self._encoded) + [each for each in self._changed if each not in self._encoded]

    def heads(self) -> Iterator[tuple[str, ProfileHead]]:
        """Yield every customer's due moment and segment as recovered; call it before anything changes."""
        for customer_id, value in self._encoded.items():
            yield customer_id, decode_head(value)

    def due(self, customer_id: str) -> int:
        """Return when the customer is next evaluated; `NEVER` for an unknown customer."""
        profile = self._changed.get(customer_id)
        if profile is not None:
            return profile.due
        value = self._encoded.get(customer_id)
        return NEVER if value is None else peek_due(value)

    @property
    def is_flushed(self) -> bool:
        """Whether everything is flushed, so that `restore` may continue."""
        return self.days.is_flushed and not (self._changed or self._removed or self._stale or self._obsolete)

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Apply a record of the changelog, where None is a tombstone; call `finish_restore` after the last one.

        A profile older than the one before it is ignored: a worker wrote it that did not know that it was replaced.
        """
        if key[0] != _CHUNK_MARK:
            customer_id = key.decode()
            if value is None:
                self._encoded.pop(customer_id, None)
                return
            before = self._encoded.get(customer_id)
            if before is None or decode_head(value).offset >= decode_head(before).offset:
                self._encoded[customer_id] = value
            return
        if key == FENCE_KEY:
            return
        if is_day_key(key):
            self.days.restore(key, value)
            return
        number, customer_id = _CHUNK_KEY.unpack_from(key)[1], key[_CHUNK_KEY.size :].decode()
        chunks = self._chunks.setdefault(customer_id, {})
        if value is None:
            chunks.pop(number, None)
        else:
            chunks[number] = value

    def finish_restore(self) -> None:
        """Join long histories; chunks that no profile refers to will get tombstones.

        Raises:
            MissingChunk: a profile refers to a chunk that was not restored.
        """
        self.days.finish_restore()
        self._long = {}
        for customer_id, chunks in list(self._chunks.items()):
            value = self._encoded.get(customer_id)
            unused = list(chunks)
            if value is not None:
                profile = decode_profile(value)
                if profile.chunks or profile.refund_chunks:
                    unused = join_chunks(profile, chunks)
                    self._long[customer_id] = profile
            self._stale.extend((_chunk_key(number, customer_id), None) for number in unused)
            for number in unused:
                del chunks[number]
            if not chunks:
                del self._chunks[customer_id]

    def flush(self, foresee: Callable[[Profile], StoredForecast] | None = None) -> FlushPlan:
        """Return what to write to the changelog; from then on the table counts as flushed.

        Args:
            foresee: returns the forecast that is stored with a long history, for readers of the profile record alone;
                None to store none.
        """
        encoded = self._encoded
        chunks: list[Record] = []
        profiles: list[Record] = [(each.encode(), None) for each in self._removed if each not in self._changed]
        for customer_id, profile in self._changed.items():
            if profile.orders:
                pack_orders(profile)
            if profile.order_index is not None:
                self._seal(customer_id, profile, chunks)
                in_pieces = bool(profile.chunks or profile.refund_chunks)
                profile.forecast = foresee(profile) if foresee is not None and in_pieces else None
            value = encoded[customer_id] = encode_profile(profile)
            profiles.append((customer_id.encode(), value))
        stale, self._stale = self._stale, []
        obsolete, self._obsolete = self._obsolete, []
        self._changed = {}
        self._removed = set()
        self._last_chunks = {}
        return FlushPlan(stale, chunks, profiles, obsolete)

    def _seal(self, customer_id: str, profile: Profile, chunks: list[Record]) -> None:
        """Prepare a long history for writing; append the chunks that changed to `chunks`."""
        self._long[customer_id] = profile
        # a customer who returns after an erasure continues the numbers: the old chunks get tombstones after these
        profile.last_chunk = max(profile.last_chunk, self._last_chunks.get(customer_id, 0))
        sealed = seal_chunks(profile)
        chunks.extend((_chunk_key(number, customer_id), value) for number, value in sealed.written)
        self._obsolete.extend((_chunk_key(number, customer_id), None) for number in sealed.dropped)
        raw = self._chunks.setdefault(customer_id, {})
        raw.update(sealed.written)
        for number in sealed.dropped:
            raw.pop(number, None)


def _chunk_key(number: int, customer_id: str) -> bytes:
    return _CHUNK_KEY.pack(_CHUNK_MARK, number) + customer_id.encode()
