"""The headers of every page, and how a page is compressed."""

import gzip
from typing import Final

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""No script, style, font or request of another host, no inline script or style, no frame around a page, and no address
of a page in a request to another site."""
PAGE_HEADERS: Final = SECURITY_HEADERS | {
    "Cache-Control": "no-store",
    "Vary": "Accept-Encoding, Accept-Language, Cookie",
}

_LEVEL: Final = 5
_SMALL: Final = 800
"""Bytes from which compressing saves a packet."""


def compress(body: bytes, accept_encoding: str) -> tuple[bytes, dict[str, str]]:
    """Return the body as the client takes it, and the header that says so."""
    if len(body) < _SMALL or not accepts_gzip(accept_encoding):
        return body, {}
    return gzip.compress(body, _LEVEL, mtime=0), {"Content-Encoding": "gzip"}


def accepts_gzip(accept_encoding: str) -> bool:
    """Return whether a client takes gzip; without the header it takes nothing."""
    for part in accept_encoding.split(","):
        name, _, weight = part.strip().partition(";")
        if name.strip().lower() in {"gzip", "*"}:
            return weight.replace(" ", "").lower() not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
