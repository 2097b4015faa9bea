"""Hosts and origins: which names the server answers for, and which sites may write through a browser.

Without tokens everything on this machine may write, so a page of another site must not be able to: neither by a form
(its `Origin` is foreign) nor by a name that it lets point to 127.0.0.1 (its `Host` is foreign).
"""

import re
from typing import Any, Final
from urllib.parse import urlsplit

from litestar.connection import ASGIConnection

from agents.serve.problems import Problem

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]*)(?::\d{1,5})?")

Connection = ASGIConnection[Any, Any, Any, Any]


def method_of(connection: Connection) -> str:
    """Return the method of a request."""
    return str(connection.scope.get("method", ""))


def refuse_foreign_host(connection: Connection) -> None:
    """Refuse a request for another host than this machine, on whatever port.

    Raises:
        Problem: with 421.
    """
    host = connection.headers.get("host", "")
    found = _HOST.fullmatch(host)
    if found is None or found[1].lower() not in LOCAL_HOSTS:
        raise Problem(
            421,
            "foreign-host",
            f"Host must be localhost, 127.0.0.1 or [::1] while there are no tokens: got {host[:100]!r}; "
            "set GOLDSTREAM_TOKENS to serve other names",
        )


def refuse_foreign_origin(connection: Connection) -> None:
    """Refuse a write that a page of another site sends.

    A request without `Origin` and `Sec-Fetch-Site` is not from a browser, and passes. A form of our own pages comes
    with `Origin: null`, because they send no referrer; `Sec-Fetch-Site`, which no page can set, says that it is ours.

    Raises:
        Problem: with 403.
    """
    origin = connection.headers.get("origin")
    site = connection.headers.get("sec-fetch-site", "none")
    if site in ("same-origin", "none") and (origin is None or _is_own(origin, connection)):
        return
    if site == "same-origin" and origin == "null":
        return
    shown = f"Origin {origin[:100]!r}" if origin is not None else f"Sec-Fetch-Site {site[:100]!r}"
    raise Problem(403, "foreign-origin", f"a page of another site must not write: got {shown}; send it from here")


def _is_own(origin: str, connection: Connection) -> bool:
    """Return whether an origin is the host of the request; not its scheme, which a proxy may change."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    host = connection.headers.get("host", "")
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()
