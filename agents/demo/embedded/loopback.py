"""Servers on the loopback interface: find a free port, and wait until a server answers."""

import asyncio
import contextlib
import random
import socket
from collections.abc import Awaitable, Callable
from typing import Final

from streams.clock import Clock

HOST: Final = "127.0.0.1"

# Below the range from which Linux takes the ports of outgoing connections (by default from 32768 on). In that range, a
# client that keeps trying to reach a stopped server may get the server's own port, connect to itself, and so keep the
# server from restarting.
_PORTS: Final = range(20_000, 32_000)

_APIVERSIONS_REQUEST: Final = bytes.fromhex("0000000a0012000000000001ffff")
"""Kafka's ApiVersions, version 0: length 10, api key 18, version 0, correlation id 1, no client id."""


def free_port() -> int:
    """Return a TCP port of the loopback interface on which nothing listens now.

    Raises:
        OSError: No free port was found in a hundred tries.
    """
    for port in random.SystemRandom().sample(_PORTS, 100):
        if is_free(port):
            return port
    message = f"no free port among {_PORTS.start}..{_PORTS.stop - 1} on {HOST}"
    raise OSError(message)


def is_free(port: int) -> bool:
    """Return whether nothing listens on a TCP port of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


async def kafka_answers(port: int) -> bool:
    """Return whether a Kafka broker answers on this port of the loopback interface."""
    answer = await _request(port, _APIVERSIONS_REQUEST, 8)
    return answer[4:] == b"\x00\x00\x00\x01"


async def redis_answers(port: int) -> bool:
    """Return whether a Redis that has loaded its data answers on this port of the loopback interface."""
    return await _request(port, b"PING\r\n", 7) == b"+PONG\r\n"


async def until(
    answers: Callable[[int], Awaitable[bool]], port: int, *, within_s: float, alive: Callable[[], bool], clock: Clock
) -> bool:
    """Wait until a server answers on a port, and return whether it did in time.

    Args:
        answers: `kafka_answers` or `redis_answers`.
        port: The port on the loopback interface.
        within_s: Seconds to wait at most.
        alive: Returns whether the server still runs; called before each try.
        clock: Measures the wait.
    """
    deadline = clock.monotonic() + within_s
    while alive() and clock.monotonic() < deadline:
        if await answers(port):
            return True
        await clock.sleep(0.02)
    return False


async def _request(port: int, request: bytes, answer_bytes: int) -> bytes:
    """Return the first bytes of the answer, or none if there is none within a second."""
    writer = None
    try:
        async with asyncio.timeout(1):
            reader, writer = await asyncio.open_connection(HOST, port)
            writer.write(request)
            return await reader.readexactly(answer_bytes)
    except (OSError, TimeoutError, asyncio.IncompleteReadError):
        return b""
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
