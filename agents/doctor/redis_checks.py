"""Examine Redis: whether it answers, may be written to, and evicts nothing."""

import contextlib
from typing import Any, Final

from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from agents.doctor.finding import Finding, good, warning, wrong
from agents.project.redis_connection import connect_redis, describe_redis_error
from streams.clock import Clock
from streams.settings.settings import Settings

_NEARLY_FULL: Final = 0.9
_CLOCK_DIFFERS_S: Final = 2.0
_MEBIBYTE: Final = 1 << 20


async def check_redis(settings: Settings, clock: Clock) -> list[Finding]:
    """Connect, write and delete a key of the prefix in one transaction, and look at memory and clock."""
    if settings.redis is None:
        return [good("redis", "none is set: no look-ups, everything else works")]
    redis = connect_redis(settings)
    try:
        await _write(redis, f"{settings.prefix}:doctor")
        findings = [good("redis", f"may be written at {settings.redis_masked}")]
        findings.extend(await _check_memory(redis))
        findings.extend(await _check_clock(redis, clock))
    except (RedisError, OSError) as error:
        message, _, remedy = describe_redis_error(error).partition("; ")
        return [wrong("redis", f"{settings.redis_masked}: {message}", remedy)]
    finally:
        await redis.aclose()
    return findings


async def _write(redis: Redis, key: str) -> None:
    async with redis.pipeline(transaction=True) as pipeline:
        pipeline.set(key, "1")
        pipeline.delete(key)
        await pipeline.execute()


async def _check_memory(redis: Redis) -> list[Finding]:
    try:
        memory: dict[str, Any] = await redis.info("memory")
    except (NoPermissionError, ResponseError):
        remedy = "ask an administrator for `CONFIG GET maxmemory-policy`: it must be noeviction"
        return [warning("redis memory", "this user may not see the memory policy", remedy)]
    policy, limit, used = memory.get("maxmemory_policy"), int(memory.get("maxmemory", 0)), int(memory["used_memory"])
    findings = []
    if policy not in (None, "noeviction"):
        remedy = "set maxmemory-policy noeviction, then run `goldstream rebuild-redis`"
        findings.append(wrong("redis memory", f"maxmemory-policy is {policy}: it deletes customers", remedy))
    if limit and used > _NEARLY_FULL * limit:
        message = f"{used // _MEBIBYTE:,} of {limit // _MEBIBYTE:,} MiB are used"
        findings.append(warning("redis memory", message, "give it more memory (deploy/sizing.md)"))
    if findings:
        return findings
    of_limit = f" of {limit // _MEBIBYTE:,}" if limit else ""
    return [good("redis memory", f"{policy or 'unknown policy'}, {used // _MEBIBYTE:,}{of_limit} MiB used")]


async def _check_clock(redis: Redis, clock: Clock) -> list[Finding]:
    """Compare the clock with that of Redis, where this user may read it."""
    with contextlib.suppress(NoPermissionError):
        before_ms = clock.wall_ms()
        seconds, microseconds = await redis.time()
        difference_s = seconds + microseconds / 1e6 - (before_ms + clock.wall_ms()) / 2_000
        if abs(difference_s) > _CLOCK_DIFFERS_S:
            message = f"this machine and Redis differ by {abs(difference_s):.1f} s"
            return [wrong("clock", message, "synchronize the clocks (NTP)")]
    return []
