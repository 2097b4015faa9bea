"""Where a server listens, and whether it may: beyond loopback only with tokens, and encrypted."""

import ipaddress
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from streams.errors import FatalError
from streams.settings.settings import Settings

BACKLOG: Final = 2048


def bind(settings: Settings) -> list[socket.socket]:
    """Return sockets bound to GOLDSTREAM_API, one for each address that its host stands for; port 0 takes a free one.

    Raises:
        FatalError: the address is taken, is not one of this machine, or may not be listened on.
    """
    port = settings.api_address[1]
    bound: list[socket.socket] = []
    try:
        places = _resolve(settings)
        if errors := _refusals(settings, places):
            raise FatalError("; ".join(errors))
        for family, place in places:
            chosen = (place[0], bound[0].getsockname()[1] if bound else port, *place[2:])
            bound.append(socket.create_server(chosen, family=family, backlog=BACKLOG))
    except OSError as error:
        for each in bound:
            each.close()
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise FatalError(
            f"GOLDSTREAM_API must be an address that is free: got {settings.api} ({reason}); end the program that "
            "listens there, or set another host:port (port 0 takes a free one)"
        ) from error
    return bound


def listening_errors(settings: Settings) -> list[str]:
    """Return why a server must not listen on GOLDSTREAM_API, each with the remedy; its tokens are not looked at.

    Raises:
        OSError: its host is unknown.
    """
    return _refusals(settings, _resolve(settings))


def check_tokens(settings: Settings, tokens: int | None, sockets: Sequence[socket.socket]) -> None:
    """Refuse to listen beyond loopback with a token file that has no token.

    Raises:
        FatalError: with the remedy.
    """
    if tokens == 0 and not _are_loopback([str(each.getsockname()[0]) for each in sockets]):
        raise FatalError(
            f"{settings.tokens} must have a token, since GOLDSTREAM_API is no loopback address: got none; create one "
            "with `goldstream tokens create NAME --scope SCOPE`"
        )


def _are_loopback(addresses: Sequence[str]) -> bool:
    return all(ipaddress.ip_address(address.partition("%")[0]).is_loopback for address in addresses)


_Place = tuple[socket.AddressFamily, tuple[Any, ...]]


def _resolve(settings: Settings) -> list[_Place]:
    """Return the addresses that GOLDSTREAM_API stands for."""
    host, port = settings.api_address
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return [(family, place) for family, _, _, _, place in dict.fromkeys(found)]


def _refusals(settings: Settings, places: Sequence[_Place]) -> list[str]:
    """Return why a server must not listen on these addresses, each with the remedy."""
    if _are_loopback([str(place[0]) for _, place in places]):
        return []
    errors = []
    if settings.tokens is None:
        errors.append(
            f"GOLDSTREAM_API must be a loopback address without tokens: got {settings.api}; create one with "
            "`goldstream tokens create NAME --scope SCOPE` and set GOLDSTREAM_TOKENS, or listen on 127.0.0.1"
        )
    if settings.api_cert is None and not settings.api_proxy:
        errors.append(
            f"GOLDSTREAM_API must be a loopback address without TLS: got {settings.api}; set GOLDSTREAM_API_CERT and "
            "GOLDSTREAM_API_KEY, or GOLDSTREAM_API_PROXY=1 behind a proxy that ends TLS"
        )
    return errors


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """Return the TLS context of the server; None if it has no certificate.

    Raises:
        FatalError: a file is missing, or cannot be used.
    """
    certificate, key = settings.api_cert, settings.api_key
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        given, missing = ("CERT", "KEY") if key is None else ("KEY", "CERT")
        raise FatalError(f"GOLDSTREAM_API_{missing} must be set with GOLDSTREAM_API_{given}: got nothing; set both")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        _check_readable(certificate, key)
        context.load_cert_chain(certificate, key, password=_refuse_passphrase)
    except (OSError, ValueError) as error:
        raise FatalError(
            f"GOLDSTREAM_API_CERT and GOLDSTREAM_API_KEY must be PEM files that belong together: got {certificate} and "
            f"{key} ({error}); correct them"
        ) from error
    return context


def _check_readable(*files: Path) -> None:
    """Read the files, because the errors of `ssl` do not name them."""
    for file in files:
        file.read_bytes()


def _refuse_passphrase() -> str:
    raise ValueError("the key is encrypted; remove its passphrase")
