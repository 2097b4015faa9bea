"""The sockets on which a server listens."""

import os
import socket
from typing import Final

from streams.errors import FatalError

BACKLOG: Final = 2048


def bind(address: tuple[str, int]) -> list[socket.socket]:
    """Return sockets bound to an address, one for each address that its host stands for; port 0 takes a free one.

    Raises:
        FatalError: the address is taken, or is not one of this machine.
    """
    host, port = address
    bound: list[socket.socket] = []
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, place in dict.fromkeys(found):
            chosen = (place[0], bound[0].getsockname()[1] if bound else port, *place[2:])
            bound.append(socket.create_server(chosen, family=family, backlog=BACKLOG))
    except OSError as error:
        for each in bound:
            each.close()
        reason = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise FatalError(
            f"GOLDSTREAM_API must be an address that is free: got {host}:{port} ({reason}); end the program that "
            "listens there, or set another host:port (port 0 takes a free one)"
        ) from error
    return bound
