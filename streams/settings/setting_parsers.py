"""Parsers of setting values: durations, addresses, names, choices.

Each takes the text of a setting and returns its value, or raises a `ValueError` whose message completes the sentence
"GOLDSTREAM_X must …".
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Final
from urllib.parse import urlsplit, urlunsplit

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)", re.ASCII)
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
MAX_DURATION_MS: Final = 30 * 86_400_000
MAX_PORT: Final = 65_535
MIN_SECRET: Final = 32
"""Characters of the secret that signs page sessions."""
_PREFIX = re.compile(r"[A-Za-z0-9._-]{1,200}")
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


def duration_ms(text: str) -> int:
    """Return the milliseconds of a duration such as `5s`, `500ms`, `1m` or `1m30s`, from 0 to 30 days.

    Raises:
        ValueError: it has no unit, a fraction of a millisecond, or is longer than 30 days.
    """
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("be a duration with its unit (ms, s, m, h, d), such as 5s or 500ms")
    total = sum((Decimal(number) * _UNIT_MS[unit] for number, unit in parts), Decimal(0))
    if total > MAX_DURATION_MS:
        raise ValueError("be at most 30d")
    if total != int(total):
        raise ValueError("be whole milliseconds")
    return int(total)


def whole_number(lowest: int, highest: int) -> Callable[[str], int]:
    """Return a parser of integers from `lowest` to `highest`."""

    def read(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,9}", text) or not lowest <= int(text) <= highest:
            raise ValueError(f"be a whole number from {lowest} to {highest}")
        return int(text)

    return read


def one_of(*choices: str) -> Callable[[str], str]:
    """Return a parser of a choice between words, whose case does not matter."""
    known = {choice.lower(): choice for choice in choices}

    def read(text: str) -> str:
        if text.lower() not in known:
            raise ValueError(f"be one of {', '.join(choices)}")
        return known[text.lower()]

    return read


def flag(text: str) -> bool:
    """Return whether a switch is on: 1 or 0."""
    if text not in ("0", "1"):
        raise ValueError("be 1 or 0")
    return text == "1"


def signing_secret(text: str) -> str:
    """Return a secret that is long enough to sign with."""
    if len(text) < MIN_SECRET:
        raise ValueError(f"have at least {MIN_SECRET} characters; `openssl rand -base64 32` makes one")
    return text


def host_and_port(text: str, lowest_port: int = 1) -> tuple[str, int]:
    """Split `host:port`; an IPv6 host is in brackets, which are removed."""
    host, colon, port = text.rpartition(":")
    if not colon or not _HOST.fullmatch(host) or not re.fullmatch(r"[0-9]{1,5}", port):
        raise ValueError("be host:port")
    if not lowest_port <= int(port) <= MAX_PORT:
        raise ValueError(f"have a port from {lowest_port} to {MAX_PORT}")
    return host.strip("[]"), int(port)


def bootstrap_servers(text: str) -> str:
    """Return valid comma-separated `host:port` pairs, without blanks around them."""
    servers = [server.strip() for server in text.split(",") if server.strip()]
    if not servers:
        raise ValueError("be host:port, several separated by commas")
    for server in servers:
        host_and_port(server)
    return ",".join(servers)


def listen_address(text: str) -> str:
    """Return a valid `host:port` to listen on; port 0 takes a free one."""
    host_and_port(text, lowest_port=0)
    return text


def topic_prefix(text: str) -> str:
    """Return a valid prefix for the names of topics and Redis keys."""
    if not _PREFIX.fullmatch(text):
        raise ValueError("be 1 to 200 letters, digits, dots, underscores or hyphens")
    return text


def topic_prefixes(text: str) -> tuple[str, ...]:
    """Return comma-separated prefixes, without blanks around them and duplicates."""
    prefixes = tuple(dict.fromkeys(prefix.strip() for prefix in text.split(",") if prefix.strip()))
    if not prefixes or not all(_PREFIX.fullmatch(prefix) for prefix in prefixes):
        raise ValueError("be prefixes of topics, several separated by commas")
    return prefixes


def redis_url(text: str) -> str:
    """Return a valid `redis://` or `rediss://` URL."""
    shape = "be a URL such as redis://127.0.0.1:6379/0 or rediss://user:password@host:6379/0"
    try:
        parts = urlsplit(text)
        known = parts.scheme in ("redis", "rediss") and parts.hostname and (parts.port or 1)
    except ValueError:
        known = False
    if not known or not re.fullmatch(r"/?[0-9]*", parts.path):
        raise ValueError(shape)
    return text


def mask_password(url: str) -> str:
    """Return a URL with its password replaced by `***`, for messages and logs."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an invalid URL"
    if "@" not in parts.netloc:
        return url
    credentials, _, host = parts.netloc.rpartition("@")
    user, colon, _ = credentials.partition(":")
    return urlunsplit(parts._replace(netloc=f"{user}{':***' if colon else ''}@{host}"))
