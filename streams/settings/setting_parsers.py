"""What the text of a setting may look like: durations, addresses, names, choices.

Every function takes the text as it was written and returns the value, or raises `ValueError` whose
message completes the sentence "GOLDSTREAM_X must ...".
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST_MS: Final = 30 * 86_400_000
LAST_PORT: Final = 65_535
_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,200}")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


def duration_ms(text: str) -> int:
    """Read a duration such as `5s`, `500ms`, `1m` or `1m30s`.

    Returns:
        Whole milliseconds, from 0 to 30 days.

    Raises:
        ValueError: no unit, a part of a millisecond, or longer than 30 days.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("be a duration with its unit (ms, s, m, h, d), such as 5s or 500ms")
    total = sum((Decimal(number) * _UNIT_MS[unit] for number, unit in parts), Decimal(0))
    if total > LONGEST_MS:
        raise ValueError("be at most 30d")
    if total != int(total):
        raise ValueError("be whole milliseconds")
    return int(total)


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Make a reader of whole numbers from `lowest` to `highest`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"be a whole number from {lowest} to {highest}")
        return int(text)

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Make a reader of a closed set of words, in capitals or not."""
    known = {choice.lower(): choice for choice in choices}

    def read(text: str) -> str:
        if text.lower() not in known:
            raise ValueError(f"be one of {', '.join(choices)}")
        return known[text.lower()]

    return read


def host_and_port(text: str, lowest_port: int = 1) -> tuple[str, int]:
    """Split `host:port`; an IPv6 host stands in brackets, which are taken off."""
    host, colon, port = text.rpartition(":")
    if not colon or not _HOST.fullmatch(host) or not re.fullmatch(r"[0-9]{1,5}", port):
        raise ValueError("be host:port")
    if not lowest_port <= int(port) <= LAST_PORT:
        raise ValueError(f"have a port from {lowest_port} to {LAST_PORT}")
    return host.strip("[]"), int(port)


def bootstrap_servers(text: str) -> str:
    """Check comma-separated `host:port` pairs; blanks around them are taken off."""
    servers = [server.strip() for server in text.split(",") if server.strip()]
    if not servers:
        raise ValueError("be host:port, several separated by commas")
    for server in servers:
        host_and_port(server)
    return ",".join(servers)


def listen_address(text: str) -> str:
    """Check `host:port` to listen on; port 0 takes a free one."""
    host_and_port(text, lowest_port=0)
    return text


def topic_prefix(text: str) -> str:
    """Check a prefix for the names of topics and of Redis keys."""
    if not _PREFIX.fullmatch(text):
        raise ValueError("be 1 to 200 letters, digits, dots, underscores or hyphens")
    return text


def topic_prefixes(text: str) -> tuple[str, ...]:
    """Check comma-separated prefixes; blanks around them are taken off."""
    prefixes = tuple(dict.fromkeys(prefix.strip() for prefix in text.split(",") if prefix.strip()))
    if not prefixes or not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise ValueError("be prefixes of topics, several separated by commas")
    return prefixes


def redis_url(text: str) -> str:
    """Check a `redis://` or `rediss://` URL."""
    shape = "be a URL such as redis://127.0.0.1:6379/0 or rediss://user:password@host:6379/0"
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("redis", "rediss") and parts.hostname and (parts.port or 1)
    except ValueError:
        known = False
    if not known or not re.fullmatch(r"/?[0-9]*", parts.path):
        raise ValueError(shape)
    return text


def without_password(url: str) -> str:
    """Show a URL without the password in it, for messages and logs."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "a URL that cannot be read"
    if "@" not in parts.netloc:
        return url
    credentials, _, host = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}{':***' if colon else ''}@{host}"))
