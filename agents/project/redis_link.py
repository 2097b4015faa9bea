"""A connection to Redis that sends many commands in one piece and reads their replies.

redis-py connects: URL, TLS, user, password. It would also pack the commands and read the replies, but one by one, at
three times the processor time of everything else that `project` does (decision 0057).
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

TIMEOUT_S: Final = 10.0
"""How long Redis may take to answer everything that was sent in one piece, including the connection."""


class RedisLink:
    """One connection, which is made when it is first used, and again after an error."""

    def __init__(self, redis: Redis) -> None:
        """Connect with the settings of this client, from whose pool nothing is taken."""
        connection = redis.connection_pool.make_connection()
        connection.socket_timeout = None  # `exchange` has one deadline for everything
        connection.health_check_interval = 0
        connection.retry = Retry(NoBackoff(), 0)  # the caller retries (streams/retries.py)
        self._connection = connection

    async def exchange(self, commands: Sequence[str]) -> list[Any]:
        """Send packed commands and return the reply of each.

        Raises:
            redis.exceptions.RedisError, OSError: Redis cannot be reached, did not answer in time, or answered one of
                the commands with an error; the connection is closed, and with it any transaction.
        """
        connection = self._connection
        try:
            async with asyncio.timeout(TIMEOUT_S):
                if connection.is_connected and await connection.can_read():  # Redis has closed it since
                    await connection.disconnect(nowait=True)
                await connection.connect()
                await connection.send_packed_command("".join(commands).encode())
                return [await connection.read_response() for _ in commands]
        except TimeoutError as error:
            await connection.disconnect(nowait=True)
            raise RedisTimeoutError(f"no answer within {TIMEOUT_S:.0f} s") from error
        except BaseException:
            await connection.disconnect(nowait=True)
            raise

    async def execute(self, commands: Sequence[str]) -> bool:
        """Execute packed commands as one transaction; return False, and do nothing, if a watched key was changed.

        Raises:
            redis.exceptions.RedisError, OSError: as for `exchange`, or a command failed within the transaction.
        """
        replies = (await self.exchange([_MULTI, *commands, _EXEC]))[-1]
        if replies is None:
            return False
        for reply in replies:
            if isinstance(reply, RedisError):
                raise reply
        return True

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.disconnect()


def pack(*arguments: str | int) -> str:
    """Return a command as it is sent to Redis."""
    packed = [f"*{len(arguments)}\r\n"]
    packed += [pack_argument(argument if isinstance(argument, str) else str(argument)) for argument in arguments]
    return "".join(packed)


def pack_argument(text: str) -> str:
    """Return one argument of a packed command, after its length in bytes."""
    return f"${len(text) if text.isascii() else len(text.encode())}\r\n{text}\r\n"


_MULTI: Final = pack("MULTI")
_EXEC: Final = pack("EXEC")
