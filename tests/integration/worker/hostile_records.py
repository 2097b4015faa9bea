"""Records that no publisher should send: for every source a valid event, and invalid records."""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any, Final

from tests.records.kafka_records import Published

Fields = Mapping[str, Any]
Headers = tuple[tuple[str, bytes | None], ...]

_AT: Final = "2025-05-12T10:00:00Z"
_OWN: Final[Mapping[str, Fields]] = {
    "purchases": {"order_id": "o-1", "amount": "1240.50", "currency": "RUB", "discount": 100},
    "refunds": {"refund_id": "r-1", "amount": 40.5, "currency": "RUB"},
    "signups": {"consent": {"email": True}, "timezone": "Europe/Moscow"},
    "consents": {"channel": "email", "granted": True},
    "contacts": {"message_id": "m-1", "kind": "opened"},
    "erasures": {},
}
SOURCES: Final = (*_OWN, "events")
KINDS: Final = {"purchases": "purchase", "refunds": "refund", "signups": "signup"} | {
    "consents": "consent",
    "contacts": "contact",
    "erasures": "erasure",
}

MIB: Final = 1 << 20
OVERSIZE: Final = 65_537
COMPRESSIONS: Final = ("gzip", "snappy", "lz4", "zstd")
LETTERS: Final = "".join(map(chr, range(0x4E00, 0x9FA5)))
"""Of three bytes each, and so many that an id made of them hardly compresses."""

_HEADERS: Final[tuple[Headers, ...]] = (
    (),
    (("trace", b"\x00\xff"), ("trace", b"again"), ("", b"")),
    (("goldstream-reason", b"mine"), ("goldstream-source", b"mine"), ("goldstream-reason", b"mine too")),
    tuple((f"h-{number}", b"x" * 20) for number in range(400)),
    (("nothing", None),),
)


def valid(source: str, name: str, **changes: Any) -> dict[str, Any]:
    """Return the fields of a valid event of a customer; its ids are made of the name."""
    kind = random.Random(name).choice(list(_OWN)) if source == "events" else source
    own = {field: f"{value[0]}-{name}" if field.endswith("_id") else value for field, value in _OWN[kind].items()}
    head = {"event_id": f"e-{name}", "customer_id": f"c-{name}", "occurred_at": _AT}
    return ({"type": KINDS[kind]} if source == "events" else {}) | head | own | changes


def good(source: str, number: int, rng: random.Random) -> Published:
    """Return a record that must be admitted, whatever its key and headers."""
    fields = valid(source, f"{source}-{number}")
    match number % 4:
        case 0:
            fields["padding"] = "я" * rng.randrange(10_000)
        case 1:
            fields |= {"backfill": None, "deep": _nested(rng.randrange(200))}
    value = json.dumps(fields, ensure_ascii=number % 3 == 0).encode()
    return Published(value, _key(rng, fields["customer_id"]), headers=rng.choice(_HEADERS))


def bad(source: str, rng: random.Random) -> Iterator[tuple[Published, str]]:
    """Return records that must be rejected, each with the reason."""
    event = json.dumps(valid(source, "bad")).encode()
    for value, reason in _bad_values(source, event, rng):
        yield Published(value, _key(rng, "c-bad"), headers=rng.choice(_HEADERS)), reason


def _bad_values(source: str, event: bytes, rng: random.Random) -> Iterator[tuple[bytes | None, str]]:
    yield None, "malformed"
    for cut in {0, 1, *(rng.randrange(len(event)) for _ in range(15))}:
        yield event[:cut], "malformed"
    yield from ((rng.randbytes(size), "malformed") for size in (1, 2, 30, 300, 3000))
    yield from ((text, "malformed") for text in (b"[]", b"null", b"0", b'"x"', event + b"}", b"\xef\xbb\xbf" + event))
    yield from ((text, "malformed") for text in (b"[" * 60_000, b'{"a":' * 10_000, event.replace(b":", b";", 1)))
    yield event.replace(b'"c-bad"', b'"\xed\xa0\x80"'), "malformed"  # a surrogate in what claims to be UTF-8
    yield event.replace(b'"e-bad"', b'"\\ud800"'), "invalid"
    yield event.replace(_AT.encode(), b"2200-01-01T00:00:00Z"), "invalid"
    yield event.replace(_AT.encode(), b"2025-05-12T10:00:00"), "invalid"
    for wrong in (b"[]", b"{}", b"true", b"7", b"1e400", b'""', b'"%s"' % (b"x" * 129), b"9" * 30_000):
        yield event.replace(b'"e-bad"', wrong), "invalid"
    yield event[:-1] + b', "p": "%s"}' % (b"x" * OVERSIZE), "oversize"
    yield b"\x00" * (65 << 10), "oversize"
    yield rng.randbytes(MIB - 20_000), "oversize"
    if source == "purchases":
        for sum_, reason in (
            (b'"-1"', "amount"),
            (b'"0.001"', "amount"),
            (b"1e400", "amount"),
            (b"-1e999999999", "amount"),
            (b"1" + b"0" * 4000, "amount"),
            (b'"1e99999999999999999999"', "amount"),
            (b"[1]", "invalid"),
            (b'"twelve"', "invalid"),
        ):
            yield event.replace(b'"1240.50"', sum_), reason
        yield event.replace(b'"RUB"', b'"XXQ"'), "currency"
        yield event.replace(b'"RUB"', b'"CHF"'), "currency"


def large(compression: str, rng: random.Random) -> Iterator[Published]:
    """Return values of some MiB, small enough for a broker only because they are compressed."""
    for value in (b"\x00" * 8 * MIB, json.dumps(valid("purchases", "bad")).encode() + b" " * 3 * MIB):
        yield Published(value, b"large", headers=(("how", compression.encode()),))
    if compression == "zstd":  # only zstd finds repeats that are so far apart
        yield Published(rng.randbytes(300_000) * 20, b"large")


def odd(source: str, rng: random.Random) -> Published:
    """Return a record with some of its bytes changed; it may be valid or not."""
    value = json.dumps(valid(source, f"odd-{rng.randrange(1000)}")).encode()
    for _ in range(rng.randrange(1, 4)):
        start = rng.randrange(len(value) + 1)
        piece = rng.choice([b"", rng.randbytes(2), b'"', b"\\", b"{", b"[" * 50, b"null", b"-0", b"1e999", b"\\ud800"])
        value = value[:start] + piece + value[start + rng.randrange(6) :]
    return Published(value, _key(rng, "c-odd"), headers=rng.choice(_HEADERS))


def _key(rng: random.Random, key: str) -> bytes | None:
    return rng.choice([key.encode(), None, b"", b"\xff\x00", b"k" * 3000])


def _nested(depth: int) -> list[Any]:
    inner: list[Any] = []
    for _ in range(depth):
        inner = [inner]
    return inner
