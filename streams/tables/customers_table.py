"""The table of a journal partition: its customers' profiles, and the changelog from which it is recovered.

The key of a record is the customer's id in UTF-8. A chunk of a long history has the byte 0xFF before its number and
the id: no UTF-8 text begins so. So do the totals of the days (`state.daily.day_store`).
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
    """What the changelog is to be told, in this order: each part acknowledged before the next is sent.

    `stale_chunks` are chunks that a crash left and no profile names: they go first, since a new chunk may take the
    number.
    """

    stale_chunks: list[Record]
    chunks: list[Record]
    profiles: list[Record]
    obsolete_chunks: list[Record]


FENCE_KEY: Final = bytes([_CHUNK_MARK])
"""What a lane writes first, so that the broker knows the epoch of its producer; it says nothing."""


def is_chunk(key: bytes) -> bool:
    """Whether a record of the changelog is a chunk, a day's totals or a fence, not a customer."""
    return key[0] == _CHUNK_MARK


class CustomersTable:
    """The profiles of one partition's customers, as bytes; those that were touched since the last flush, as objects.

    A profile is decoded when it is touched and encoded once a flush, however many events it took in between. Bytes
    cost a fifth of the memory of objects, and nothing at all in the garbage collector. Only customers with long
    histories stay objects.

    Attributes:
        days: the totals of the partition's days; what they are to be told goes before `flush`, and before the ledger.
    """

    def __init__(self) -> None:
        """An empty table."""
        self.days = DayStore()
        self._kept: dict[str, bytes] = {}
        self._long: dict[str, Profile] = {}
        self._touched: dict[str, Profile] = {}
        self._removed: set[str] = set()
        self._chunks: dict[str, dict[int, bytes]] = {}
        self._last_chunks: dict[str, int] = {}
        self._leftovers: list[Record] = []
        self._litter: list[Record] = []

    def __len__(self) -> int:
        """How many customers are known."""
        return len(self._kept) + sum(1 for each in self._touched if each not in self._kept)

    def get(self, customer_id: str) -> Profile | None:
        """The customer's profile, None if they are not known.

        Raises:
            MissingChunk: parts of the profile were not in the changelog.
        """
        profile = self._touched.get(customer_id)
        if profile is None:
            value = self._kept.get(customer_id)
            if value is None:
                return None
            profile = self._long.get(customer_id)
            if profile is None:
                profile = decode_profile(value)
                if profile.chunks or profile.refund_chunks:  # none of them has come: see `finish_restore`
                    raise MissingChunk((profile.chunks or profile.refund_chunks)[0])
        return profile

    def put(self, customer_id: str, profile: Profile) -> None:
        """Keeps the profile; the next flush writes it to the changelog."""
        self._touched[customer_id] = profile

    def remove(self, customer_id: str) -> None:
        """Lets the customer go; the next flush writes tombstones."""
        profile = self.get(customer_id)
        if profile is not None:
            self._last_chunks[customer_id] = max(profile.last_chunk, self._last_chunks.get(customer_id, 0))
            self._litter.extend(
                (_chunk_key(number, customer_id), None) for number in (*profile.chunks, *profile.refund_chunks)
            )
        self._touched.pop(customer_id, None)
        self._kept.pop(customer_id, None)
        self._long.pop(customer_id, None)
        self._chunks.pop(customer_id, None)
        self._removed.add(customer_id)

    def ids(self) -> Iterable[str]:
        """Everyone who is known."""
        return list(self._kept) + [each for each in self._touched if each not in self._kept]

    def heads(self) -> Iterator[tuple[str, ProfileHead]]:
        """Everyone with their due moment and segment, as recovered: to be asked for before anyone is touched."""
        for customer_id, value in self._kept.items():
            yield customer_id, decode_head(value)

    def due(self, customer_id: str) -> int:
        """When the customer next needs judging; `NEVER` for one who is not known."""
        profile = self._touched.get(customer_id)
        if profile is not None:
            return profile.due
        value = self._kept.get(customer_id)
        return NEVER if value is None else peek_due(value)

    @property
    def is_flushed(self) -> bool:
        """Whether everything is as written, so that `restore` may go on from there."""
        return self.days.is_flushed and not (self._touched or self._removed or self._leftovers or self._litter)

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Takes a record of the changelog; None is a tombstone. `finish_restore` ends it.

        A state that is older than the one before it was written by a worker that did not know that it had been
        replaced; it does not count.
        """
        if key[0] != _CHUNK_MARK:
            customer_id = key.decode()
            if value is None:
                self._kept.pop(customer_id, None)
                return
            before = self._kept.get(customer_id)
            if before is None or decode_head(value).offset >= decode_head(before).offset:
                self._kept[customer_id] = value
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
        """All of the changelog has been read: long histories are put together, chunks that nobody names are litter.

        Raises:
            MissingChunk: a profile names a chunk that has not come.
        """
        self.days.finish_restore()
        self._long = {}
        for customer_id, chunks in list(self._chunks.items()):
            value = self._kept.get(customer_id)
            litter = list(chunks)
            if value is not None:
                profile = decode_profile(value)
                if profile.chunks or profile.refund_chunks:
                    litter = join_chunks(profile, chunks)
                    self._long[customer_id] = profile
            self._leftovers.extend((_chunk_key(number, customer_id), None) for number in litter)
            for number in litter:
                del chunks[number]
            if not chunks:
                del self._chunks[customer_id]

    def flush(self, foresee: Callable[[Profile], StoredForecast] | None = None) -> FlushPlan:
        """What the changelog is to be told; afterwards everything is as written.

        Args:
            foresee: what is noted of a long history, for those who read its profile alone; by default nothing is.
        """
        kept = self._kept
        chunks: list[Record] = []
        profiles: list[Record] = [(each.encode(), None) for each in self._removed if each not in self._touched]
        for customer_id, profile in self._touched.items():
            if profile.orders:
                pack_orders(profile)
            if profile.order_index is not None:
                self._seal(customer_id, profile, chunks)
                in_pieces = bool(profile.chunks or profile.refund_chunks)
                profile.forecast = foresee(profile) if foresee is not None and in_pieces else None
            value = kept[customer_id] = encode_profile(profile)
            profiles.append((customer_id.encode(), value))
        leftovers, self._leftovers = self._leftovers, []
        litter, self._litter = self._litter, []
        self._touched = {}
        self._removed = set()
        self._last_chunks = {}
        return FlushPlan(leftovers, chunks, profiles, litter)

    def _seal(self, customer_id: str, profile: Profile, chunks: list[Record]) -> None:
        """Gets a long history ready to be written: what changed of its chunks is added to `chunks`."""
        self._long[customer_id] = profile
        # one who was erased and is back counts on: the tombstones of the old chunks are written after these
        profile.last_chunk = max(profile.last_chunk, self._last_chunks.get(customer_id, 0))
        sealed = seal_chunks(profile)
        chunks.extend((_chunk_key(number, customer_id), value) for number, value in sealed.written)
        self._litter.extend((_chunk_key(number, customer_id), None) for number in sealed.dropped)
        raw = self._chunks.setdefault(customer_id, {})
        raw.update(sealed.written)
        for number in sealed.dropped:
            raw.pop(number, None)


def _chunk_key(number: int, customer_id: str) -> bytes:
    return _CHUNK_KEY.pack(_CHUNK_MARK, number) + customer_id.encode()
