"""The events of a request, by its headers and its body."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

from litestar import Request

from agents.serve.intake.requests.bodies import TooManyEventsError, UnreadableBodyError, split_json, split_lines
from agents.serve.intake.requests.cloud_events import BATCHED, STRUCTURED, from_batch, from_binary, from_structured
from agents.serve.intake.requests.encodings import BrokenGzipError, TooLargeError, ignore_rest, read_body
from agents.serve.intake.sent_events import SentEvent, with_key
from agents.serve.problems import Problem

BODY_WITHIN_S: Final = 30.0
"""How long a client may take to send a body."""

IGNORED_WITHIN_S: Final = 2.0
"""How long the rest of a body that is too large is read."""

JSON: Final = "application/json"
LINES: Final = ("application/x-ndjson", "application/ndjson", "application/jsonl")
_CHARSETS: Final = ("utf-8", "utf8", "us-ascii")

AnyRequest = Request[Any, Any, Any]


async def read_events(request: AnyRequest, kind: str | None) -> list[SentEvent]:
    """Return the events of a request.

    Args:
        request: with a body in any of the forms.
        kind: the type of all events by the path; None if each says its own.

    Raises:
        Problem: the request is refused as a whole.
    """
    media_type = _media_type(request, (JSON, *LINES))
    split: Callable[[bytes], list[bytes]] = split_lines if media_type in LINES else split_json
    key = _header(request, "idempotency-key") or None
    return await _parsed(request, lambda body: with_key(split(body), kind, key))


async def read_cloud_events(request: AnyRequest) -> list[SentEvent]:
    """Return the events of a request with CloudEvents, or raise as `read_events` does."""
    media_type = _media_type(request, (JSON, STRUCTURED, BATCHED))
    if media_type == STRUCTURED:
        return await _parsed(request, from_structured)
    if media_type == BATCHED:
        return await _parsed(request, from_batch)
    headers = request.scope["headers"]
    return await _parsed(request, lambda body: from_binary(headers, body))


async def _parsed(request: AnyRequest, parse: Callable[[bytes], list[SentEvent]]) -> list[SentEvent]:
    body = await read_bytes(request)
    try:
        return parse(body)
    except UnreadableBodyError as error:
        raise Problem(400, "unreadable-body", str(error)) from error
    except TooManyEventsError as error:
        raise Problem(413, "too-many-events", str(error)) from error


async def read_bytes(request: AnyRequest) -> bytes:
    """Return the body of a request, unpacked.

    Raises:
        Problem: it is too large, does not end in time, or is packed in another way than gzip, or not as it says.
    """
    encoding = _header(request, "content-encoding").lower()
    if encoding not in ("", "identity", "gzip"):
        detail = f"Content-Encoding must be gzip: got {encoding[:80]}"
        raise Problem(415, "unsupported-encoding", detail, headers={"Accept-Encoding": "gzip"})
    chunks = _chunks(request)
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            return await read_body(chunks, is_gzip=encoding == "gzip")
    except TooLargeError as error:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IGNORED_WITHIN_S):
                await ignore_rest(_chunks(request))
        raise Problem(413, "too-large", str(error), headers={"Connection": "close"}) from error
    except BrokenGzipError as error:
        raise Problem(400, "unreadable-body", str(error), headers={"Connection": "close"}) from error
    except TimeoutError as error:
        detail = f"the body must arrive within {BODY_WITHIN_S:g} s"
        raise Problem(408, "too-slow", detail, headers={"Connection": "close"}) from error


async def _chunks(request: AnyRequest) -> AsyncIterator[bytes]:
    is_incomplete = True
    while is_incomplete:
        message: Any = await request.receive()
        if message["type"] == "http.disconnect":
            raise Problem(400, "disconnected", "the client has closed the connection")
        yield message.get("body", b"")
        is_incomplete = message.get("more_body", False)


def _media_type(request: AnyRequest, allowed: tuple[str, ...]) -> str:
    """Return the media type; that of a request without one is JSON.

    Raises:
        Problem: it is none of the allowed ones, or the text is not UTF-8.
    """
    media_type, *parameters = _header(request, "content-type").split(";")
    media_type = media_type.strip().lower() or JSON
    charsets = [text.partition("=")[2].strip().strip('"').lower() for text in parameters if "charset" in text.lower()]
    if media_type in allowed and all(charset in _CHARSETS for charset in charsets):
        return media_type
    got = _header(request, "content-type")[:80]
    detail = f"Content-Type must be {' or '.join(allowed[:3])}, in UTF-8: got {got}"
    if media_type in (STRUCTURED, BATCHED):
        detail += "; CloudEvents go to /v1/cloudevents"
    raise Problem(415, "unsupported-media-type", detail, headers={"Accept": ", ".join(allowed)})


def _header(request: AnyRequest, name: str) -> str:
    """Return the value of a header; empty if there is none."""
    for header, value in request.scope["headers"]:
        if header == name.encode():
            try:
                return value.decode().strip()
            except UnicodeDecodeError:
                return value.decode("latin-1").strip()
    return ""
