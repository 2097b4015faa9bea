"""The bodies of requests with events: their forms, and what is refused as a whole."""

import gzip
from collections.abc import AsyncIterator

import pytest

from agents.serve.intake.requests import bodies, encodings
from agents.serve.intake.requests.bodies import (
    MAX_EVENTS,
    TooManyEventsError,
    UnreadableBodyError,
    one_value,
    split_array,
    split_json,
    split_lines,
)
from agents.serve.intake.requests.encodings import MAX_BODY_BYTES, BrokenGzipError, TooLargeError, read_body


@pytest.mark.parametrize(
    ("body", "events"),
    [
        (b'{"type":"purchase"}', [b'{"type":"purchase"}']),
        (b' \r\n{"a" : 1}\n', [b'{"a" : 1}']),
        (b'\xef\xbb\xbf{"a":1}', [b'{"a":1}']),
        (b'[{"a":1}, {"a":1.10e400} ]', [b'{"a":1}', b'{"a":1.10e400}']),
        (b'{"events":[{"a":1},5]}', [b'{"a":1}', b"5"]),
        (b'{ "events" : [ {"a":1} ] }', [b'{"a":1}']),
        (b'{"sent_by":"till 7","events":[{"a":1}],"x":{"events":[2]}}', [b'{"a":1}']),
        (b'{"\\u0065vents":[1]}', [b"1"]),
        (b'{"type":"purchase","events":7}', [b'{"type":"purchase","events":7}']),
        (b'{"x":{"events":[1]}}', [b'{"x":{"events":[1]}}']),
        (b"[]", []),
        (b'{"events":[]}', []),
        (b"5", [b"5"]),
        (b"null", [b"null"]),
        (b'[{"a":"\\ud800"},"\\ud800", 1]', [b'{"a":"\\ud800"}', b'"\\ud800"', b"1"]),
        (b'{"a":"\\ud800","events":[1.50,{}]}', [b"1.50", b"{}"]),
        (b'{"a":"\\ud800"}', [b'{"a":"\\ud800"}']),
        ('["Ёлка 🎄"]'.encode(), ['"Ёлка 🎄"'.encode()]),
    ],
)
def test_a_body_is_split_into_the_bytes_of_its_events(body: bytes, events: list[bytes]) -> None:
    assert split_json(body) == events


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "must not be empty"),
        (b" \n", "must not be empty"),
        (b"nope", "must be JSON"),
        (b'{"a":1', "must be JSON"),
        (b"[1,2] 3", "must be JSON"),
        (b"[1,]", "must be JSON"),
        (b'{"amount":NaN}', "must be JSON"),
        (b"[Infinity]", "must be JSON"),
        (b'["\\ud800", NaN]', "NaN is not JSON"),
        (b'["\\ud800", ', "must be JSON"),
        (b'{"a":"\xff"}', "must be UTF-8: got byte 0xff"),
        (b"[" * 10_000 + b"]" * 10_000, "not nested this deeply"),
        (b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}", "not nested this deeply"),
        (b'["\\ud800",' + b"[" * 10_000 + b"]" * 10_000 + b"]", "not nested this deeply"),
        (b'{"events":[1],"events":[2]}', "got it several times"),
        (b'{"events":[1],"\\u0065vents":[2]}', "got it several times"),
        (b'{"events":[1],"type":"purchase"}', "got both, `events` and `type`"),
        (b'{"events":{}}', "must be an array"),
    ],
)
def test_what_is_no_json_or_ambiguous_is_refused_as_a_whole(body: bytes, reason: str) -> None:
    with pytest.raises(UnreadableBodyError, match=reason):
        split_json(body)


def test_a_broken_line_is_an_element_among_others() -> None:
    body = b'{"a":1}\r\n\n{broken\n  [1]  \n'
    assert split_lines(body) == [b'{"a":1}', b"{broken", b"[1]"]


@pytest.mark.parametrize("body", [b"", b"\n\r\n", b"{broken\nalso broken", b"\xff\n\xfe"])
def test_lines_of_which_none_is_json_are_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(UnreadableBodyError):
        split_lines(body)


def test_an_array_is_an_array_and_one_value_is_one() -> None:
    assert split_array(b" [1,2]") == [b"1", b"2"]
    assert one_value(b" [1,2] ") == b"[1,2]"
    with pytest.raises(UnreadableBodyError, match="must be a JSON array"):
        split_array(b'{"events":[1]}')
    with pytest.raises(UnreadableBodyError, match="must be JSON"):
        one_value(b"[1,2")


@pytest.mark.parametrize("split", [bodies.split_json, bodies.split_array])
def test_a_request_has_at_most_1000_events(split: object) -> None:
    def body(count: int) -> bytes:
        return b"[" + b",".join([b"{}"] * count) + b"]"

    assert callable(split)
    assert len(split(body(MAX_EVENTS))) == MAX_EVENTS
    with pytest.raises(TooManyEventsError, match="got 1001"):
        split(body(MAX_EVENTS + 1))
    with pytest.raises(TooManyEventsError, match="got 1001"):
        split_lines(b"{}\n" * (MAX_EVENTS + 1))


async def _chunks(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    for at in range(0, len(body), size):
        yield body[at : at + size]


@pytest.mark.parametrize("size", [1, 7, 100_000])
@pytest.mark.parametrize(
    ("packed", "body"),
    [
        (gzip.compress(b'{"a":1}' * 1000), b'{"a":1}' * 1000),
        (gzip.compress(b"one,") + gzip.compress(b"two"), b"one,two"),
        (gzip.compress(b""), b""),
    ],
)
async def test_gzip_is_unpacked_however_it_is_cut(packed: bytes, body: bytes, size: int) -> None:
    assert await read_body(_chunks(packed, size), is_gzip=True) == body


async def test_a_body_may_have_a_mebibyte_and_no_byte_more() -> None:
    for body in (bytes(MAX_BODY_BYTES), b""):
        assert await read_body(_chunks(body), is_gzip=False) == body
    assert await read_body(_chunks(gzip.compress(bytes(MAX_BODY_BYTES))), is_gzip=True) == bytes(MAX_BODY_BYTES)
    for is_gzip, body in ((False, bytes(MAX_BODY_BYTES + 1)), (True, gzip.compress(bytes(MAX_BODY_BYTES + 1)))):
        with pytest.raises(TooLargeError):
            await read_body(_chunks(body), is_gzip=is_gzip)


async def test_a_gzip_bomb_is_refused_before_it_is_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    unpacked = 0
    add = encodings._Unpacking.add

    def counting(self: encodings._Unpacking, packed: bytes, room: int) -> bytes:
        nonlocal unpacked
        part = add(self, packed, room)
        unpacked += len(part)
        return part

    monkeypatch.setattr(encodings._Unpacking, "add", counting)
    with pytest.raises(TooLargeError):
        await read_body(_chunks(gzip.compress(bytes(20 << 20))), is_gzip=True)
    assert unpacked <= MAX_BODY_BYTES + 1


async def test_a_body_that_never_ends_is_refused_although_it_unpacks_to_nothing() -> None:
    async def endless() -> AsyncIterator[bytes]:
        empty = gzip.compress(b"") * 1000
        while True:
            yield empty

    with pytest.raises(TooLargeError):
        await read_body(endless(), is_gzip=True)


@pytest.mark.parametrize("packed", [b"", b"not gzip", gzip.compress(b"a" * 1000)[:-4], gzip.compress(b"a") + b"rest"])
async def test_broken_gzip_is_refused(packed: bytes) -> None:
    with pytest.raises(BrokenGzipError, match="must be gzip"):
        await read_body(_chunks(packed), is_gzip=True)
