"""The daily figures, which `project` keeps in Redis for each day and partition."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from agents.health.ratios import GOLDEN, with_figures
from agents.health.reader import last_days
from agents.project.projection_keys import ProjectionKeys
from agents.project.redis_link import pack
from agents.serve.lookups.answers import Daily
from agents.serve.lookups.days import day_range
from agents.serve.lookups.projections.redis_reader import RedisReader

MAX_DAYS: Final = 400
"""Days in one answer: a year and the days beside it."""
LATE_MS: Final = 3_600_000
_LOOK_AHEAD: Final = 7
"""Days after the last one, with which it is compared."""
_LOOK_BACK: Final = 7
"""Days before the first one, in which a partition that is behind has its last figures."""


class DayLookup:
    """Reads the parts of days."""

    def __init__(self, redis: RedisReader, keys: ProjectionKeys) -> None:
        self._redis = redis
        self._keys = keys

    async def latest(self) -> date | None:
        """Return the last day that there are figures of."""
        (days,) = await self._redis.read([pack("ZREVRANGE", self._keys.days, 0, 0)])
        return date.fromisoformat(days[0]) if days else None

    async def daily(self, first_day: str | None, last_day: str | None, golden: str = GOLDEN) -> Daily:
        """Return the figures of days as `goldstream health --json`, and which of them late events have changed.

        Days without any are left out.

        Args:
            first_day: such as `2026-05-12`; None for the default.
            last_day: likewise.
            golden: the golden segment of the policy.

        Raises:
            LookupRefused: the days cannot be asked for.
        """
        latest = await self.latest()
        if latest is None:
            day_range(first_day, last_day, date(1970, 1, 1), MAX_DAYS)
            return Daily(first_day, last_day, [])
        days = day_range(first_day, last_day, latest, MAX_DAYS)
        last = days.last.isoformat()
        (known,) = await self._redis.read(
            [pack("ZREVRANGEBYLEX", self._keys.days, f"[{last}", "-", "LIMIT", 0, MAX_DAYS + _LOOK_BACK)]
        )
        first = days.first.isoformat()
        within = [day for day in reversed(known) if day >= first]
        before = [day for day in known if day < first][:_LOOK_BACK]
        replies = await self._redis.read([pack("HGETALL", self._keys.day_parts + day) for day in (*before, *within)])
        by_partition: dict[str, dict[str, bytes]] = {}
        for day, flat in zip((*before, *within), replies, strict=True):
            for partition, text in zip(flat[::2], flat[1::2], strict=True):
                by_partition.setdefault(partition, {})[day] = text.encode()
        restated = await self._restated(within, last, sorted(by_partition))
        figures: list[dict[str, Any]] = [
            with_figures(day, golden) for day in last_days(by_partition.values(), len(within)) if within
        ]
        return Daily(first, last, figures, sorted(restated))

    async def _restated(self, days: list[str], last: str, partitions: list[str]) -> set[str]:
        """Return those of the days that late events have changed: published long after a later day was."""
        if not days:
            return set()
        (later,) = await self._redis.read(
            [pack("ZRANGEBYLEX", self._keys.days, f"({last}", "+", "LIMIT", 0, _LOOK_AHEAD)]
        )
        names = [*days, *later]
        replies = await self._redis.read(
            [pack("HMGET", self._keys.days_published(partition), *names) for partition in partitions]
        )
        restated: set[str] = set()
        for reply in replies:
            published = [(day, int(moment)) for day, moment in zip(names, reply, strict=True) if moment is not None]
            restated |= late_days(published)
        return restated & set(days)


def late_days(published: Sequence[tuple[str, int]]) -> set[str]:
    """Return the days that were published more than an hour after a later one was for the last time.

    A day is published while it goes on, and a last time just after its end. So one that is published after that was
    changed by an event that came late. A history that is imported is published within less than that.

    Args:
        published: days in order, with the milliseconds at which they were published last.
    """
    late: set[str] = set()
    earliest_later_ms: int | None = None
    for day, moment_ms in reversed(published):
        if earliest_later_ms is not None and moment_ms > earliest_later_ms + LATE_MS:
            late.add(day)
        earliest_later_ms = moment_ms if earliest_later_ms is None else min(earliest_later_ms, moment_ms)
    return late
