"""Reads from Redis: what is asked for at nearly the same time is sent in one piece."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import RedisError

from agents.project.redis_connection import describe_redis_error
from agents.project.redis_link import RedisLink
from agents.serve.lookups.refusals import LookupRefused, RedisAway

ANSWER_SECONDS: Final = 2.0
"""How long Redis may take: a client would rather hear that it is away than wait."""
NOT_CONFIGURED: Final = "no Redis is configured, and look-ups read from it; set GOLDSTREAM_REDIS"


class RedisReader:
    """Sends packed commands over one connection.

    While one piece is on its way, what is asked for meanwhile is collected for the next: so a thousand look-ups in a
    second cost Redis and this process little more than a hundred.
    """

    def __init__(self, redis: Redis | None) -> None:
        """Take the client; None if no Redis is configured."""
        self._link = None if redis is None else RedisLink(redis)
        self._collected: list[tuple[Sequence[str], asyncio.Future[list[Any]]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def read(self, commands: Sequence[str]) -> list[Any]:
        """Return the reply of each command.

        Raises:
            RedisAway: it cannot be reached, or does not answer in time.
            LookupRefused: a text is not Unicode; what others ask for goes on.
        """
        if self._link is None:
            raise RedisAway(NOT_CONFIGURED)
        if not commands:
            return []
        try:
            "".join(commands).encode()
        except UnicodeEncodeError as error:
            raise LookupRefused(422, "text", "ids and names must be Unicode, without lone surrogates") from error
        replies: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._collected.append((commands, replies))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(self._link), name="redis reader")
        return await replies

    async def close(self) -> None:
        """Close the connection."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.gather(self._sending, return_exceptions=True)
        if self._link is not None:
            await self._link.close()

    async def _send(self, link: RedisLink) -> None:
        while self._collected:
            collected, self._collected = self._collected, []
            try:
                async with asyncio.timeout(ANSWER_SECONDS):
                    replies = await link.exchange([command for commands, _ in collected for command in commands])
            except (RedisError, OSError) as error:
                why = f"Redis is away: {describe_redis_error(error)}"
                for _, waiting in collected:
                    if not waiting.done():
                        waiting.set_exception(RedisAway(why))
                continue
            except BaseException as error:
                for _, waiting in collected:
                    if not waiting.done():
                        waiting.set_exception(RedisAway(f"the exchange with Redis was broken off: {error!r}"))
                raise
            place = 0
            for commands, waiting in collected:
                if not waiting.done():
                    waiting.set_result(replies[place : place + len(commands)])
                place += len(commands)
