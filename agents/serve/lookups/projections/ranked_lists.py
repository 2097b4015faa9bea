"""Sorted sets from the highest score down, in parts; a cursor stays valid while members come, go and move.

A cursor is the last member of a part and its score. The next part begins after that place in the order, whether the
member is still there or not: so a member that does not move is listed exactly once.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from agents.project.redis_link import pack
from agents.serve.lookups.projections.redis_reader import RedisReader
from agents.serve.lookups.refusals import LookupRefused


class ListPart(NamedTuple):
    """A part of a list.

    Where few of many customers are asked for, a part may have fewer than `limit`, and yet others follow.

    Attributes:
        limit: of customers.
        cursor: of the preceding part; None for the first one.
        reachable: only customers who can be reached now, or with False who cannot; None for all.
    """

    limit: int
    cursor: str | None = None
    reachable: bool | None = None


class Place(NamedTuple):
    """A place in the order of a sorted set, from the highest score down; equal scores are in descending byte order."""

    score: float
    member: str

    def encode(self) -> str:
        """Return the cursor."""
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @property
    def order(self) -> tuple[float, bytes]:
        """Compares places: the greater one comes first in the list."""
        return self.score, self.member.encode()


def decode_cursor(cursor: str | None) -> Place | None:
    """Return the place of a cursor.

    Raises:
        LookupRefused: it is none of ours.
    """
    if not cursor:
        return None
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=Place)
    except (ValueError, binascii.Error):
        raise LookupRefused(422, "cursor", "cursor must be one from a preceding answer; begin without it") from None


async def ranks_after(redis: RedisReader, keys: Sequence[str], place: Place) -> list[int]:
    """Return for each sorted set the rank of its first member after a place."""
    score = f"{place.score:.17g}"
    replies = await redis.read(
        [
            command
            for key in keys
            for command in (pack("ZCOUNT", key, f"({score}", "+inf"), pack("ZCOUNT", key, score, "+inf"))
        ]
    )
    pairs = zip(replies[::2], replies[1::2], strict=True)
    return [await _search(redis, key, place, low, high) for key, (low, high) in zip(keys, pairs, strict=True)]


async def _search(redis: RedisReader, key: str, place: Place, low: int, high: int) -> int:
    """Return the rank among members of the same score, which are from `low` to `high`."""
    if low == high:
        return low
    rank, score = await redis.read([pack("ZREVRANK", key, place.member), pack("ZSCORE", key, place.member)])
    if score is not None and float(score) == place.score:
        return int(rank) + 1
    while low < high:
        middle = (low + high) // 2
        (found,) = await redis.read([pack("ZREVRANGE", key, middle, middle, "WITHSCORES")])
        if found and Place(float(found[1]), found[0]).order >= place.order:
            low = middle + 1
        else:
            high = middle
    return low


def read_places(flat: Sequence[Any]) -> list[Place]:
    """Return the members in the reply to a range with scores."""
    return [Place(float(score), member) for member, score in zip(flat[::2], flat[1::2], strict=True)]
