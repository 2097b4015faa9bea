"""Sessions that end, servers that are away, and an empty base."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.pages.browser import Watch, violations
from tests.pages.shop import GOLDEN_ID
from tests.running.http_servers import RunningServer, start_server
from tests.running.workers import Site, until

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.usefixtures("shop")]


async def _create_token(site: Site, tokens: Path, name: str, scopes: str) -> str:
    created = await site.command("tokens", "create", name, "--scope", scopes, TOKENS=str(tokens))
    assert created.status == 0, created.errors
    return created.out.split()[0]


@pytest_asyncio.fixture(loop_scope="session")
async def start(shop_site: Site) -> AsyncIterator[Any]:
    """Start further servers of the shop with other settings; they stop with the test."""
    started: list[RunningServer] = []

    async def begin(name: str, **settings: Any) -> RunningServer:
        server = start_server(shop_site, name, **settings)
        started.append(server)
        await server.listening()
        return server

    yield begin
    for server in started:
        server.child.kill()


async def test_a_token_opens_a_session_that_ends_with_it(
    shop_site: Site, browser: Browser, start: Any, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens.toml"
    token = await _create_token(shop_site, tokens, "marketing", "aggregates:read,customers:read")
    server = await start("with-tokens", TOKENS=str(tokens))
    context = await browser.new_context()
    watch = Watch(context, server.url)
    page = await context.new_page()

    response = await page.goto(f"{server.url}/segments")
    assert response is not None
    assert response.status == 401
    await page.fill("#token", "gs_wrong_token")
    await page.press("#token", "Enter")
    await expect(page.locator("[role=alert]")).to_contain_text("unknown or was revoked")
    await expect(page.locator("#token")).to_be_focused()
    assert await page.locator(".fresh").count() == 0  # nothing about the shop before somebody signs in
    assert "retail" not in await page.locator("body").inner_text()
    await page.fill("#token", token)
    await page.press("#token", "Enter")
    await page.wait_for_url(f"{server.url}/segments")  # where the reader wanted to go
    await expect(page.locator("h1")).to_have_text("Segments")
    (cookie,) = [each for each in await context.cookies() if each["name"] == "goldstream_session"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    assert token not in cookie["value"]

    # No erasure without its scope, and no write without the form's secret.
    await page.goto(f"{server.url}/customers/{GOLDEN_ID}")
    await expect(page.locator(".erase")).to_have_count(0)
    answer = await page.request.post(f"{server.url}/customers", form={"id": GOLDEN_ID})
    assert answer.status == 403
    await page.goto(f"{server.url}/customers")
    await page.fill("#id", GOLDEN_ID)
    await page.press("#id", "Enter")
    await page.wait_for_url(f"**/customers/{GOLDEN_ID}")

    revoked = await shop_site.command("tokens", "revoke", token.split("_")[1], TOKENS=str(tokens))
    assert revoked.status == 0, revoked.errors

    async def has_ended() -> bool:
        again = await page.goto(f"{server.url}/")
        return again is not None and again.status == 401

    await until(has_ended, "the session to end", within_s=15, every_s=0.5)
    await expect(page.locator("#token")).to_be_visible()
    assert watch.problems == []
    await context.close()


async def test_signing_out_ends_the_session(shop_site: Site, browser: Browser, start: Any, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.toml"
    token = await _create_token(shop_site, tokens, "analyst", "aggregates:read")
    server = await start("signing-out", TOKENS=str(tokens))
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(f"{server.url}/login")
    await page.fill("#token", token)
    await page.press("#token", "Enter")
    await expect(page.locator(".tiles")).to_be_visible()
    # this token may not see who moved
    await expect(page.locator("main")).to_contain_text("Who moved is personal data")
    await expect(page.locator('nav a[href="/customers"]')).to_have_count(0)
    to_people = 'main a[href^="/segments/"], main a[href^="/customers"], main a[href^="/flows/customers"]'
    for path in ("/", "/segments", "/flows", "/daily"):  # no number leads to a list that is refused
        await page.goto(server.url + path)
        await expect(page.locator("main")).not_to_be_empty()
        assert await page.locator(to_people).count() == 0, path
    response = await page.goto(f"{server.url}/segments/golden")
    assert response is not None
    assert response.status == 403
    await page.click("text=Sign out")
    await expect(page.locator("#token")).to_be_visible()
    await context.close()


async def test_without_redis_a_page_says_so_and_answers_503(browser: Browser, axe: str, start: Any) -> None:
    server = await start("no-redis", REDIS="redis://127.0.0.1:1/0")
    page = await browser.new_page()
    response = await page.goto(f"{server.url}/segments")
    assert response is not None
    assert response.status == 503
    await expect(page.locator("h1")).to_have_text("No figures right now")
    await page.evaluate(axe)
    assert await violations(page) == []
    await page.close()


async def test_without_kafka_figures_stay_and_the_story_says_so(browser: Browser, start: Any) -> None:
    server = await start("no-kafka", KAFKA="127.0.0.1:1")
    page = await browser.new_page()
    response = await page.goto(f"{server.url}/customers/{GOLDEN_ID}")
    assert response is not None
    assert response.status == 200
    await expect(page.locator("main")).to_contain_text("No figures right now", timeout=60_000)
    await page.close()


async def test_an_empty_base_shows_the_commands_that_fill_it(browser: Browser, axe: str, start: Any) -> None:
    server = await start("empty", PREFIX="nobody-writes-here")
    page = await browser.new_page()
    await page.goto(server.url)
    await expect(page.locator("pre")).to_have_count(3)
    await expect(page.locator("pre").last).to_have_text("goldstream import orders.csv")
    await page.evaluate(axe)
    assert await violations(page) == []
    await page.close()
