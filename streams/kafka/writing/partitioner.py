"""The hash of Kafka's default partitioner.

aiokafka has the same in Python. This one is for compilation, where it takes a sixth of the time: there may be more
customers than a cache can hold.
"""

from typing import Final

from mypy_extensions import i64

_SEED: Final = 0x9747B28C
_FACTOR: Final[i64] = 0x5BD1E995
_MASK: Final[i64] = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """Return the hash of Kafka's Java client, as an unsigned number of 32 bits."""
    length = len(data)
    end = length & ~3
    hashed: i64 = _SEED ^ length  # no product of 32 and of 31 bits exceeds 63
    for at in range(0, end, 4):
        word: i64 = int.from_bytes(data[at : at + 4], "little")
        word = word * _FACTOR & _MASK
        word = (word ^ word >> 24) * _FACTOR & _MASK
        hashed = (hashed * _FACTOR & _MASK) ^ word
    if end < length:
        rest: i64 = int.from_bytes(data[end:], "little")
        hashed = (hashed ^ rest) * _FACTOR & _MASK
    hashed = (hashed ^ hashed >> 13) * _FACTOR & _MASK
    return hashed ^ hashed >> 15
