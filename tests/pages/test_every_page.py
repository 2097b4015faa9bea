"""Every page, in both languages, light and dark, narrow and wide: accessible, quiet, and as wide as the window."""

import itertools
from typing import Final, Literal
from urllib.parse import quote

import pytest
from playwright.async_api import Browser

from agents.serve.pages.site import PAGES
from tests.integration.http_servers import RunningServer
from tests.pages.browser import Watch, overflow, violations
from tests.pages.shop import EMOJI_ID, GOLDEN_ID, MARKUP_ID, SLASH_ID

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
REFUSED: Final = (
    "/customers/nobody",
    "/segments/no-such",
    "/segments/grid/9-9",
    "/daily/no-such",
    "/what-if/no-such",
    "/no/such/page",
)


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
        await page.evaluate(axe)  # by the debugger, which the page's Content-Security-Policy does not bind
        for width, theme in itertools.product(WIDTHS, THEMES):  # without loading it again: the styles alone adapt it
            await page.set_viewport_size({"width": width, "height": 900})
            await page.emulate_media(color_scheme=theme)
            where = f"{path} {theme} {width}"
            found += [f"{where}: {each}" for each in await violations(page)]
            if (wider := await overflow(page)) > 0:
                found.append(f"{where}: {wider} px wider than the window")
        found += [f"{path}: {problem}" for problem in watch.problems]
        watch.problems.clear()
    await context.close()
    assert not found, "\n".join(found)
