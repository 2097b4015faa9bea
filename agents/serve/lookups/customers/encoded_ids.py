"""Paths that contain the id of a customer: `%2F` in an id is part of it, and no separator of the path.

Servers decode a path before routes are matched. Here it stays as it was sent; handlers decode the id.
"""

from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from agents.serve.problems import Problem

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

_STARTS: Final = (b"/v1/customers/", b"/customers/")


def keep_encoded_ids(app: "ASGIApp") -> "ASGIApp":
    """Return an application that matches paths with ids as they were sent."""

    async def handle(scope: "Scope", receive: "Receive", send: "Send") -> None:
        raw: bytes | None = scope.get("raw_path")
        if raw and raw.startswith(_STARTS) and raw.isascii():
            scope["path"] = raw.decode()
        await app(scope, receive, send)

    return handle


def decode_id(encoded: str) -> str:
    """Return the id in a component of a path.

    Raises:
        Problem: it is not UTF-8.
    """
    try:
        return unquote(encoded, errors="strict")
    except UnicodeDecodeError as error:
        raise Problem(400, "customer-id", "the customer's id in the path is not percent-encoded UTF-8") from error
