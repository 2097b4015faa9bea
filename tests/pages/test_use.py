"""The main paths through the pages: by keyboard, without scripts, live, and through an erasure."""

import asyncio
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Page, expect

from agents.serve.pages.site import PAGES
from tests.pages.browser import Watch
from tests.pages.shop import ERASED_ID, GOLDEN_ID, MARKUP_ID, SLASH_ID, purchase, send
from tests.running.http_servers import RunningServer
from tests.running.workers import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_keyboard_alone_leads_to_a_customer(shop: RunningServer, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(f"{shop.url}/")
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await expect(page.locator(".skip")).to_be_in_viewport()
    await page.keyboard.press("Enter")
    await expect(page.locator("main")).to_be_focused()

    await _tab_to(page, "/customers", shop)
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/customers")
    await _tab_to(page, "#id")
    await page.keyboard.type(GOLDEN_ID)
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/customers/{GOLDEN_ID}")
    await expect(page.locator("h1")).to_have_text(GOLDEN_ID)
    await page.close()


async def _tab_to(page: Page, wanted: str, shop: RunningServer | None = None) -> None:
    """Press the tabulator key until a link or an element has the focus, which must be visible all along the way."""
    if shop is not None:
        await page.goto(f"{shop.url}/")
    for _ in range(60):
        await page.keyboard.press("Tab")
        focus = await page.evaluate(
            """() => {
                const element = document.activeElement, style = getComputedStyle(element);
                return {href: element.getAttribute("href"), id: element.id, outline: style.outlineStyle};
            }"""
        )
        assert focus["outline"] != "none", f"the focus is not visible on {focus}"
        if wanted in {focus["href"], f"#{focus['id']}"}:
            return
    pytest.fail(f"the tabulator key does not lead to {wanted}")


async def test_everything_is_reachable_without_scripts(shop: RunningServer, browser: Browser) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(shop.url)
    for link in PAGES:
        await page.click(f'nav a[href="{link.path}"]')
        assert page.url == shop.url + link.path
        await expect(page.locator("nav a[aria-current]")).to_have_attribute("href", link.path)

    await page.goto(f"{shop.url}/customers")
    await page.fill("#id", SLASH_ID)
    await page.press("#id", "Enter")
    assert page.url == f"{shop.url}/customers/{quote(SLASH_ID, safe='')}"
    await expect(page.locator("h1")).to_have_text(SLASH_ID)
    await page.click("text=Show the story")
    await expect(page.locator(".timeline").first).to_contain_text("first purchase")

    await page.click("text=Русский")
    await expect(page.locator("html")).to_have_attribute("lang", "ru")
    await page.click(".to-dark")
    await page.goto(shop.url)
    await expect(page.locator("html")).to_have_attribute("lang", "ru")
    await expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    await context.close()


async def test_every_number_of_customers_opens_as_many(shop: RunningServer, browser: Browser) -> None:
    page = await browser.new_page()
    await page.goto(f"{shop.url}/segments")
    links = await page.locator("td a").evaluate_all("links => links.map(link => [link.href, link.textContent])")
    assert links
    for href, number in links:
        await page.goto(href)
        assert await page.locator("tbody tr").count() == int(number), href
        for address in await page.locator("a[download]").evaluate_all("links => links.map(link => link.href)"):
            csv = await shop.request("GET", address.removeprefix(shop.url))
            assert csv.headers["content-type"].startswith("text/csv")
    await page.close()


async def test_changes_arrive_in_the_readers_language_and_can_be_paused(shop: RunningServer, browser: Browser) -> None:
    context = await browser.new_context(extra_http_headers={"Accept-Language": "ru"})
    watch = Watch(context, shop.url)
    page = await context.new_page()
    await page.goto(shop.url)
    rows = page.locator("[data-feed] li")
    await expect(rows.first).to_be_visible(timeout=20_000)  # what was published before
    before = await page.locator("h1").inner_text()

    await send(shop, purchase("live-1", "live-1-1"))
    row = rows.filter(has=page.locator("a", has_text="live-1"))
    await expect(row).to_contain_text("первая покупка", timeout=20_000)
    await expect(page.locator("h1")).not_to_have_text(before, timeout=10_000)

    await page.click("[data-live-pause]")
    await send(shop, purchase("live-2", "live-2-1"))
    await _is_known(shop, "live-2")
    await asyncio.sleep(1.5)  # three updates, of which none may show
    paused = rows.filter(has=page.locator("a", has_text="live-2"))
    await expect(paused).to_have_count(0)
    await page.click("[data-live-pause]")
    await expect(paused).to_have_count(1)
    assert watch.problems == []
    await context.close()


async def _is_known(shop: RunningServer, customer_id: str) -> None:
    async def is_known() -> bool:
        return (await shop.request("GET", f"/v1/customers/{customer_id}")).status == 200

    await until(is_known, f"{customer_id} to be known")


async def test_an_id_with_markup_is_text_and_in_no_title_and_no_log(shop: RunningServer, browser: Browser) -> None:
    context = await browser.new_context()
    watch = Watch(context, shop.url)
    page = await context.new_page()
    await page.goto(f"{shop.url}/customers/{quote(MARKUP_ID, safe='')}")
    await expect(page.locator("h1")).to_have_text(MARKUP_ID)
    await expect(page.locator("#story")).to_be_visible(timeout=30_000)  # loaded after the first view
    assert await page.locator("main img").count() == 0
    assert "onerror" not in await page.title()
    await page.goto(shop.url)
    await send(shop, purchase(MARKUP_ID, "markup-live", "90000.00"))
    await expect(page.locator("[data-feed]")).to_contain_text(MARKUP_ID, timeout=20_000)
    assert await page.locator("main img").count() == 0
    assert watch.problems == []
    assert "onerror" not in shop.log
    await context.close()


async def test_an_erasure_needs_the_id_typed_and_then_nobody_is_known(shop: RunningServer, browser: Browser) -> None:
    page = await browser.new_page()
    address = f"{shop.url}/customers/{ERASED_ID}"
    await page.goto(address)
    await page.click("summary:has-text('Erase')")
    await page.fill("#confirm", "somebody else")
    await page.click("text=Erase for good")
    await expect(page.locator("h1")).to_have_text("Nothing was erased")

    await page.goto(address)
    await page.click("summary:has-text('Erase')")
    await page.fill("#confirm", ERASED_ID)
    await page.click("text=Erase for good")
    await expect(page.locator("h1")).to_have_text("Erasure requested")

    async def is_gone() -> bool:
        response = await page.goto(address)
        if response is None or response.status != 404:
            return False
        return "was erased on" in await page.locator("main").inner_text()

    await until(is_gone, "the page to say when the customer was erased", every_s=0.5)
    assert ERASED_ID not in shop.log
    await page.close()


async def test_the_first_view_is_small(shop: RunningServer, browser: Browser) -> None:
    for path in ("/", "/segments", f"/customers/{GOLDEN_ID}"):
        context = await browser.new_context()
        watch = Watch(context, shop.url)
        page = await context.new_page()
        await page.goto(shop.url + path, wait_until="load")
        assert 0 < watch.sent_bytes < 70_000, path
        await context.close()
