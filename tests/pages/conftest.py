"""Fixtures of the pages' tests: one shop, one server, one browser for all of them."""

import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.pages.browser import axe_source, chromium
from tests.pages.shop import open_shop
from tests.running.http_servers import RunningServer, start_server
from tests.running.workers import Site
from tests.servers import Missing
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer


@pytest.fixture(scope="session")
def axe() -> str:
    """The script that finds violations of accessibility rules."""
    try:
        return axe_source()
    except Missing as missing:
        pytest.skip(str(missing))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium."""
    async with AsyncExitStack() as stack:
        try:
            started = await stack.enter_async_context(chromium())
        except Missing as missing:
            pytest.skip(str(missing))
        yield started


@pytest.fixture(scope="session")
def shop_site(
    kafka: ApacheKafka, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    """Where the shop is: its prefix, its Redis, its worker."""
    settings = {"REDIS": redis_server.url, "LATENESS": "0s", "PARTITIONS": "1"}
    site = Site(kafka.bootstrap, f"p{secrets.token_hex(4)}", tmp_path_factory.mktemp("shop"), settings)
    try:
        yield site
    finally:
        site.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(shop_site: Site) -> AsyncIterator[RunningServer]:
    """The server of the pages, without tokens, with a worker and the shop's history behind it."""
    worker = shop_site.worker()
    await worker.ready()
    server = start_server(shop_site, "pages")
    try:
        await server.ready()
        await open_shop(server)
        yield server
    finally:
        server.child.kill()
