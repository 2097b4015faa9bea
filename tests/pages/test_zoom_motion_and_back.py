"""Readers who zoom in, who want no motion, and who go back: nothing overlaps, moves, or is lost."""

from typing import Final, Literal

import pytest
from playwright.async_api import Browser, expect

from tests.pages.browser import Watch, cut_texts, overflow, spilled
from tests.pages.shop import GOLDEN_ID, purchase, send
from tests.running.http_servers import RunningServer

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAGES: Final = ("/", "/segments", f"/customers/{GOLDEN_ID}?part=story")
OVERLAPPING: Final = """() => {
  const boxes = [...document.querySelectorAll("main *")]
    .filter((each) => !each.closest(".visually-hidden, thead, .scroll, .feed-box"))
    .filter((each) => each.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
    .flatMap((each) => [...each.childNodes])
    .filter((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim())
    .flatMap((node) => {
      const range = document.createRange();
      range.selectNodeContents(node);
      return [...range.getClientRects()].map((box) => ({ box, text: node.textContent.trim() }));
    });
  const shared = (a, b, from, to) => Math.min(a[to], b[to]) - Math.max(a[from], b[from]);
  const overlap = (a, b) => shared(a, b, "left", "right") > 2 && shared(a, b, "top", "bottom") > 4;
  return boxes.flatMap((one, place) =>
    boxes.slice(place + 1).filter((other) => overlap(one.box, other.box)).map((other) => `${one.text} × ${other.text}`),
  );
}"""
"""Pairs of texts that share more than the edges of their lines."""


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_nothing_overlaps_or_is_cut_off_at_twice_the_size(
    shop: RunningServer, browser: Browser, language: str
) -> None:
    page = await browser.new_page(
        viewport={"width": 640, "height": 450}, device_scale_factor=2, extra_http_headers={"Accept-Language": language}
    )
    found = []
    for path in PAGES:
        await page.goto(shop.url + path)
        await expect(page.locator("main")).not_to_be_empty()
        if (wider := await overflow(page)) > 0:
            found.append(f"{path}: {wider} px wider than the window")
        wrong = (*await spilled(page), *await cut_texts(page), *await page.evaluate(OVERLAPPING))
        found += [f"{path}: {each}" for each in wrong]
    await page.close()
    assert not found, "\n".join(found)


@pytest.mark.parametrize(("motion", "animations"), [("reduce", 0), ("no-preference", 1)])
async def test_a_change_that_arrives_moves_only_for_readers_who_allow_it(
    shop: RunningServer, browser: Browser, motion: Literal["reduce", "no-preference"], animations: int
) -> None:
    page = await browser.new_page(reduced_motion=motion)
    await page.goto(shop.url)
    customer_id = f"motion-{motion}"
    await send(shop, purchase(customer_id, customer_id))
    row = page.locator("[data-feed] li").filter(has=page.locator("a", has_text=customer_id))
    await expect(row).to_have_count(1, timeout=20_000)
    names = await row.evaluate("row => getComputedStyle(row).animationName")
    assert (names != "none") == bool(animations)
    assert await page.evaluate("document.getAnimations().length") <= animations * 40
    await page.close()


async def test_back_leads_to_the_same_place_with_what_was_unfolded(shop: RunningServer, browser: Browser) -> None:
    context = await browser.new_context(viewport={"width": 640, "height": 450}, device_scale_factor=2)
    watch = Watch(context, shop.url)
    page = await context.new_page()
    await page.goto(f"{shop.url}/segments")
    table, cell = page.locator(".as-table"), page.locator(".chart-grid a.cell").first
    is_open = await table.evaluate("table => table.open")  # it is, if the cells have no room for who can be reached
    for _ in range(2):
        is_open = not is_open
        await table.locator("summary").click()
        await expect(table).to_have_js_property("open", is_open)
        await page.evaluate("scrollTo(0, 300)")
        await cell.press("Enter")
        await page.wait_for_url("**/segments/grid/*")
        await page.go_back()
        await expect(table).to_have_js_property("open", is_open)
        await page.wait_for_function("scrollY === 300")

    await page.goto(f"{shop.url}/segments/golden")
    rows, choices = page.locator("main tbody tr"), page.locator("main .chips").last.locator("a")
    listed = await rows.count()
    await choices.nth(1).click()
    await page.wait_for_url("**/segments/golden?reachable=true")
    assert 0 < await rows.count() < listed
    await page.go_back()
    await expect(rows).to_have_count(listed)
    await expect(choices.first).to_have_attribute("aria-current", "true")

    await page.goto(f"{shop.url}/customers/{GOLDEN_ID}")
    orders = page.locator("#story details")  # of a part that follows the page
    await orders.locator("summary").click(timeout=30_000)
    await page.locator("nav a").first.click()
    await page.wait_for_url(f"{shop.url}/")
    await page.go_back()
    await expect(orders).to_have_js_property("open", True, timeout=30_000)
    assert watch.problems == []
    await context.close()
