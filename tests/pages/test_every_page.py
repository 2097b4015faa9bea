"""Every page, in both languages, light and dark, narrow and wide: accessible, quiet, and as wide as the window."""

import itertools
import re
from typing import Final, Literal
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, expect

from agents.serve.pages.site import PAGES
from tests.pages.browser import Watch, cut_texts, overflow, spilled, violations
from tests.pages.shop import EMOJI_ID, GOLDEN_ID, MARKUP_ID, SLASH_ID
from tests.running.http_servers import RunningServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDTHS: Final = (1280, 360)
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
FURTHER: Final = (
    "/segments/golden",
    "/segments/potential",
    "/segments/grid/3-3",
    f"/customers/{GOLDEN_ID}?part=story",
    f"/customers/{quote(MARKUP_ID, safe='')}?part=story",
    f"/customers/{quote(SLASH_ID, safe='')}",
    f"/customers/{quote(EMOJI_ID, safe='')}",
    "/customers/only-signed-up?part=story",
    "/flows?cause=purchase",
    "/flows?from=nonsense",
    "/flows/customers?after=golden",
    "/daily/revenue",
    "/campaigns?results=1",
    "/rejected?reason=invalid",
    "/login",
)
"""Pages that are not in the navigation."""
SLOW_MS: Final = 100_000
"""A comparison starts processes; on a busy machine that takes long."""
REFUSED: Final = (
    "/customers/nobody",
    "/segments/no-such",
    "/segments/grid/9-9",
    "/daily/no-such",
    "/what-if/no-such",
    "/no/such/page",
)


async def looked_at(page: Page, axe: str, path: str) -> list[str]:
    """Return what is wrong with an open page, light and dark, narrow and wide, without loading it again."""
    found = []
    await page.evaluate(axe)  # by the debugger, which the page's Content-Security-Policy does not bind
    for width, theme in itertools.product(WIDTHS, THEMES):  # the styles alone adapt it
        await page.set_viewport_size({"width": width, "height": 900})
        await page.emulate_media(color_scheme=theme)
        where = f"{path} {theme} {width}"
        found += [f"{where}: {each}" for each in await violations(page)]
        found += [f"{where}: {each} spills" for each in await spilled(page)]
        if (wider := await overflow(page)) > 0:
            found.append(f"{where}: {wider} px wider than the window")
        found += [f"{where}: {text!r} is cut off in its chart" for text in await cut_texts(page)]
    return found


@pytest.mark.timeout(400)
@pytest.mark.parametrize("language", ["en", "ru"])
async def test_every_page_is_accessible_and_quiet(
    shop: RunningServer, browser: Browser, axe: str, language: str
) -> None:
    context = await browser.new_context(extra_http_headers={"Accept-Language": language})
    watch = Watch(context, shop.url)
    page, found = await context.new_page(), []
    for path in (*(page.path for page in PAGES), *FURTHER, *REFUSED):
        response = await page.goto(shop.url + path)
        assert response is not None
        assert response.status == (404 if path in REFUSED else 200), path
        assert await page.get_attribute("html", "lang") == language
        for link in PAGES:
            assert await page.locator(f'nav a[href="{link.path}"]').count() == 1, (path, link.path)
        assert await page.locator("main").count() == 1, path
        found += await looked_at(page, axe, path)
        found += [f"{path}: {problem}" for problem in watch.problems]
        watch.problems.clear()
    await context.close()
    assert not found, "\n".join(found)


@pytest.mark.timeout(400)
async def test_the_result_of_a_comparison_is_accessible_and_quiet(
    shop: RunningServer, browser: Browser, axe: str
) -> None:
    """The matrix, all moves, the messages, the customers by name, the file, and the form that applies it."""
    context = await browser.new_context(extra_http_headers={"Accept-Language": "en"})
    watch = Watch(context, shop.url)
    page, found = await context.new_page(), []
    await page.goto(f"{shop.url}/what-if")
    await page.locator('input[name="recency_days"]').nth(0).fill("35")
    await page.get_by_role("button", name="Compare").first.click()
    await expect(page.locator("#matrix-title")).to_be_visible(timeout=SLOW_MS)
    address = page.url
    for language in ("en", "ru"):
        await page.goto(f"{address}?lang={language}")
        assert await page.get_attribute("html", "lang") == language
        for part in ("matrix", "moves", "segments", "messages", "movers", "apply"):
            await expect(page.locator(f"#{part}-title")).to_be_visible()
        assert await page.locator('table[aria-labelledby="movers-title"] tbody th a').count() > 0
        assert await page.locator(".matrix .stays").count() == await page.locator(".matrix tbody tr").count()
        await expect(page.locator("a[download]")).to_have_attribute("href", re.compile(r"/policy\.toml$"))
        await page.locator("section:has(#apply-title) summary").click()
        await expect(page.locator("#confirmation")).to_be_visible()
        found += await looked_at(page, axe, f"comparison {language}")
        await page.fill("#confirmation", "yes")
        await page.locator("section:has(#apply-title) button").click()
        await expect(page.locator("#confirmation-wrong")).to_be_visible()
        found += await looked_at(page, axe, f"comparison, wrongly confirmed, {language}")
    found += watch.problems
    await context.close()
    assert not found, "\n".join(found)
