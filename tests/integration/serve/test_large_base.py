"""The pages read as little of a large base as of a small one, so a million customers cost them what thousands do.

`project` maintains what is slow to count. What a page asks Redis for is compared, not how long it takes: the same
commands, and replies of the same size. `python -m bench pages` has the times with a million.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from html import unescape
from typing import Final, NamedTuple

import pytest
from redis.asyncio import Redis

from agents.serve.pages.site import FLOWS, PAGES
from bench.serving.large_base import (
    counted_customers,
    publish_copies,
    publish_history,
    read_templates,
    wait_until_counted,
)
from streams.settings.settings import Settings
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until
from tests.servers.redis_server import RedisServer

TEMPLATES: Final = 500
SMALL: Final = 20
LARGE: Final = 100
"""Copies of the first customers: 10,000 and 50,000 customers."""
FURTHER: Final = (
    "/flows?from={ninety}&to={today}",
    "/daily?from={ninety}&to={today}",
    "/daily/revenue",
    "/segments/churned",
    "/segments/grid/1-1",
    "/customers/t-00001-1",
)
"""Pages behind a count, and those of a long period."""
MAX_BYTES: Final = 70_000
"""Of a page, compressed."""
MORE_DIGITS: Final = 1.2
"""Numbers have a digit more."""
LONGER_LIST: Final = 100
"""A list that is not yet full has at most so many more customers, each with a reply of a kilobyte."""


class _Asked(NamedTuple):
    """What a page asked Redis for: how often each command, and the bytes of all replies."""

    commands: dict[str, int]
    reply_bytes: int


@pytest.mark.timeout(400)
async def test_a_page_reads_as_little_of_a_large_base_as_of_a_small_one(
    site: Site, redis_server: RedisServer, http_server: Callable[..., Awaitable[RunningServer]]
) -> None:
    site.settings |= {"REDIS": redis_server.url, "LATENESS": "0s"}
    await site.create_topics()
    settings = Settings(kafka=site.kafka, prefix=site.prefix, redis=redis_server.url)
    worker = site.worker()
    await worker.ready()
    server = await http_server()
    await publish_history(settings, TEMPLATES)
    await _wait_until_as_of(server, time.time())
    templates = await read_templates(settings)
    assert len(templates.profiles) == TEMPLATES
    asked, paths = [], list[str]()
    async with Redis.from_url(redis_server.url) as redis:
        for copies in (range(1, SMALL), range(SMALL, LARGE)):
            await publish_copies(settings, templates, copies)
            await wait_until_counted(settings, TEMPLATES * copies.stop)
            await _wait_until_moves_stay(server)
            await worker.stop()  # so that nobody but the pages talks to Redis
            paths = paths or await _paths(server)
            asked.append({path: await _ask(server, redis, path) for path in paths})
            worker.start()
            await worker.ready()
        assert await counted_customers(redis, site.prefix) == TEMPLATES * LARGE
    small, large = asked
    commands = {path: (sum(small[path].commands.values()), sum(large[path].commands.values())) for path in small}
    assert {path: each for path, each in commands.items() if each[1] > each[0] + LONGER_LIST} == {}
    replies = {path: (small[path].reply_bytes, large[path].reply_bytes) for path in small}
    most = {path: each[0] * MORE_DIGITS + LONGER_LIST * 1024 for path, each in replies.items()}
    assert {path: each for path, each in replies.items() if each[1] > most[path]} == {}
    segments = (await server.request("GET", "/v1/segments")).json
    assert segments["customers"] == TEMPLATES * LARGE
    await _check_reachable(server, segments["reachable"])


async def _paths(server: RunningServer) -> list[str]:
    """Return the pages: those of the navigation, further ones, and the customers of the largest flow."""
    today, ninety = (time.strftime("%Y-%m-%d", time.gmtime(time.time() - days * 86_400)) for days in (0, 89))
    flows = await server.request("GET", FLOWS.path)
    link = re.search(rb'href="(/flows/customers[^"]+)"', flows.body)
    assert link is not None
    further = [path.format(today=today, ninety=ninety) for path in FURTHER]
    return [*(page.path for page in PAGES), *further, unescape(link[1].decode())]


async def _check_reachable(server: RunningServer, reachable: int) -> None:
    """Who can be reached of so many is counted when the open page asks for it; all were first seen in this period."""
    english = {"Accept-Language": "en"}
    flows = (await server.request("GET", FLOWS.path, headers=english)).body.decode()
    later = re.search(r'hx-get="([^"]+)"', flows)
    assert later is not None
    assert " reachable</a></p>" not in flows
    counted = (await server.request("GET", unescape(later[1]), headers=english)).body.decode()
    assert f"{reachable:,} reachable</a></p>" in counted
    assert "hx-get" not in counted


async def _wait_until_as_of(server: RunningServer, seconds: float) -> None:
    """Wait until whatever falls due with time by this moment has happened, too."""

    async def has_come() -> bool:
        as_of = (await server.request("GET", "/v1/status")).json.get("as_of")
        return as_of is not None and datetime.fromisoformat(as_of).timestamp() >= seconds

    await until(has_come, "time to come")


async def _wait_until_moves_stay(server: RunningServer) -> None:
    """Wait until `project` has also written the moves, which come by another topic than the customers."""
    seen: list[str] = []

    async def is_still() -> bool:
        seen.append((await server.request("GET", "/v1/flows")).body.decode())
        return len(seen) > 4 and len(set(seen[-4:])) == 1

    await until(is_still, "the flows to stay the same", every_s=0.5)


async def _ask(server: RunningServer, redis: Redis, path: str) -> _Asked:
    """View a page, and return what that cost Redis."""
    before, bytes_before = await _statistics(redis)
    answer = await server.request("GET", path, headers={"Accept-Encoding": "gzip"})
    assert answer.status == 200, path
    assert int(answer.headers.get("content-length", len(answer.body))) < MAX_BYTES, path
    after, bytes_after = await _statistics(redis)
    commands = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
    del commands["info"]
    return _Asked(commands, bytes_after - bytes_before)


async def _statistics(redis: Redis) -> tuple[dict[str, int], int]:
    await asyncio.sleep(0)
    commands = await redis.info("commandstats")
    stats = await redis.info("stats")
    counts = {name.removeprefix("cmdstat_"): int(each["calls"]) for name, each in commands.items()}
    return counts, int(stats["total_net_output_bytes"])
