"""The pages of figures in a browser: flows and who is behind them, daily figures, what-if, rejected events."""

import re
from csv import reader as csv_reader
from datetime import date, timedelta
from typing import Final, Literal

import pytest
from playwright.async_api import Browser, Page, expect

from agents.serve.pages.charts.rfm_grid import SHADES
from tests.pages.browser import Watch
from tests.records.kafka_records import Published, publish
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SLOW_MS: Final = 100_000
"""A comparison starts processes; on a busy machine that takes long."""
LEGIBLE: Final = 4.5
"""The contrast that WCAG 2.2 AA wants of texts of this size; axe does not look at texts of drawings."""
CONTRASTS: Final = """(cell, shades) => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const luminance = (color) => {
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...canvas.getImageData(0, 0, 1, 1).data].map((part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  return [...Array(shades).keys()].map((shade) => {
    cell.setAttribute("class", `cell shade-${shade}`);
    const box = luminance(getComputedStyle(cell.querySelector("rect")).fill);
    return Math.min(...[...cell.querySelectorAll("text")].map((text) => {
      const [light, dark] = [box, luminance(getComputedStyle(text).fill)].sort((a, b) => b - a);
      return (light + 0.05) / (dark + 0.05);
    }));
  });
}"""
"""The least contrast of a text in a cell, for each shade."""
DIGITS: Final = re.compile(r"\D")


def number(text: str) -> int:
    """Return a number as pages write it."""
    return int(DIGITS.sub("", text))


async def english_page(browser: Browser, server: RunningServer, **options: bool) -> tuple[Page, Watch]:
    context = await browser.new_context(extra_http_headers={"Accept-Language": "en"}, **options)  # type: ignore[arg-type]
    watch = Watch(context, server.url)
    return await context.new_page(), watch


async def test_every_flow_leads_to_the_customers_behind_it(shop: RunningServer, browser: Browser) -> None:
    """The table, the chart, the list and the CSV have the same number."""
    page, watch = await english_page(browser, shop)
    await page.goto(f"{shop.url}/flows")
    await page.get_by_role("link", name="90 days").click()
    row = page.locator("tbody tr").first
    customers = number(await row.locator("td a").first.inner_text())
    bands = [await band.text_content() for band in await page.locator("svg .flow title").all()]
    assert sum(number((text or "").split(":")[1].split(",")[0]) for text in bands) >= customers > 0
    await row.locator("td a").first.click()
    await expect(page.locator("#counts [aria-current]")).to_have_text(f"All {customers}")
    assert await page.locator("tbody tr").count() == customers
    csv = await page.locator("a[download]").get_attribute("href")
    answer = await page.context.request.get(f"{shop.url}{csv}")
    assert len((await answer.text()).splitlines()) == customers + 1
    assert watch.problems == []
    await page.context.close()


async def test_the_figures_of_a_period_are_those_of_the_look_up(shop: RunningServer, browser: Browser) -> None:
    page, watch = await english_page(browser, shop)

    async def are_the_same() -> bool:
        """Days are published every five seconds: in between, the page may have the totals of a later moment."""
        await page.goto(f"{shop.url}/daily")
        shown = number(await page.locator("#orders .big").inner_text())
        await page.locator("#orders h2 a").click()
        large = number(await page.locator("#figure-title").inner_text())
        days = (await shop.request("GET", "/v1/daily")).json["days"]
        orders: int = sum(day.get("orders", 0) for day in days)
        return shown == large == orders > 0

    await until(are_the_same, "the page and the look-up to have the same orders")
    await expect(page.locator(".series canvas")).to_be_visible()
    assert watch.problems == []
    await page.context.close()


@pytest.mark.timeout(300)
async def test_a_policy_is_compared_and_applied_only_after_its_name_is_typed(
    shop: RunningServer, browser: Browser
) -> None:
    page, watch = await english_page(browser, shop)
    await page.goto(f"{shop.url}/what-if")
    thresholds = page.locator('input[name="recency_days"]')
    await thresholds.nth(0).fill("500")  # more than the second one
    await page.get_by_role("button", name="Compare").first.click()
    await expect(page.get_by_role("alert")).to_contain_text("larger than the one before")
    assert await thresholds.nth(0).input_value() == "500"
    await page.goto(f"{shop.url}/what-if")
    await page.get_by_role("button", name="Compare").first.click()  # the same thresholds, with the next version
    await expect(page.locator("#matrix-title")).to_be_visible(timeout=SLOW_MS)
    await expect(page.locator(".answer")).to_have_text("Nobody would be in another segment.")
    ref = (await page.locator("#answer-title").inner_text()).split()[0]
    await page.get_by_text("Or apply it from here").click()
    await page.fill("#confirmation", "yes")
    await page.get_by_role("button", name="Apply").click()
    await expect(page.locator("#confirmation-wrong")).to_be_visible()
    status = (await shop.request("GET", "/v1/status")).json
    assert status["policy"]["ref"] != ref
    await page.fill("#confirmation", ref)
    await page.get_by_role("button", name="Apply").click()
    await expect(page.get_by_role("status")).to_contain_text(ref)

    async def is_in_force() -> bool:
        return bool((await shop.request("GET", "/v1/status")).json["policy"]["ref"] == ref)

    await until(is_in_force, "the policy to be in force")
    assert watch.problems == []
    await page.context.close()


@pytest.mark.timeout(300)
async def test_without_scripts_a_comparison_is_followed_by_its_link(shop: RunningServer, browser: Browser) -> None:
    page, watch = await english_page(browser, shop, java_script_enabled=False)
    await page.goto(f"{shop.url}/what-if")
    await page.locator('input[name="recency_days"]').nth(0).fill("30")
    await page.get_by_role("button", name="Compare").first.click()

    async def is_done() -> bool:
        if await page.locator("#matrix-title").count():
            return True
        await page.get_by_role("link", name="Refresh").click()
        return False

    await until(is_done, "the comparison to be done", within_s=SLOW_MS / 1000)
    moved = number((await page.locator(".answer").inner_text()).split(" of ")[0])
    rows = await page.locator('table[aria-labelledby="moves-title"] tbody tr td:nth-child(2)').all_inner_texts()
    assert sum(number(text) for text in rows) == moved > 0
    download = await page.context.request.get(f"{page.url}/policy.toml")
    assert "edges = [30, 180]" in await download.text()
    result = page.url
    links = page.locator('table[aria-labelledby="segments-title"] td:nth-of-type(1) a')
    shown = await links.evaluate_all("links => links.map(link => [link.getAttribute('href'), link.textContent])")
    assert {href.partition("?")[2] for href, _ in shown} == {"", "reachable=true"}
    assert "/customers" in [href for href, _ in shown]
    for href, text in shown:
        await page.goto(shop.url + href)
        assert await page.locator("main tbody th a").count() == number(text), href
    await page.goto(result)
    await expect(page.locator('.matrix a[href="/segments/golden"]')).to_have_count(1)
    assert watch.problems == []
    await page.context.close()


async def test_a_rejected_event_is_shown_with_its_field_and_how_to_mend_it(
    shop: RunningServer, shop_site: Site, browser: Browser
) -> None:
    """Whatever an event contains is text."""
    page, watch = await english_page(browser, shop)
    bad = (
        b'{"type": "purchase", "event_id": "bad", "customer_id": "c", "order_id": "<b>bad</b>", "amount": "1.00", '
        b'"currency": "RUB", "occurred_at": "<script>alert(1)</script>"}'
    )
    await publish(shop_site.kafka, shop_site.topic("events"), [Published(bad)])

    async def is_listed() -> bool:
        await page.goto(f"{shop.url}/rejected?reason=invalid")
        return await page.locator("tbody tr").count() > 0

    await until(is_listed, "the event to be rejected")
    row = page.locator("tbody tr").first
    await expect(row.locator("code")).to_contain_text("occurred_at")
    await expect(row.locator("code")).to_contain_text("<script>")
    await expect(row).to_contain_text("topic")
    await expect(page.locator(".panel.chosen")).to_contain_text("Correct the field")
    assert watch.problems == []
    await page.context.close()


async def test_a_cell_of_the_grid_leads_to_its_customers_and_one_file_of_them(
    shop: RunningServer, browser: Browser
) -> None:
    """A cell of the grid has customers of several RFM cells: the number, the list and the file have all of them."""
    page, watch = await english_page(browser, shop)
    await page.goto(f"{shop.url}/segments")
    for place in range(await page.locator(".chart-grid a.cell").count()):
        cell = page.locator(".chart-grid a.cell").nth(place)
        customers = number(await cell.locator(".figure").text_content() or "")
        await cell.click()
        assert await page.locator("tbody tr").count() == customers
        listed = await page.locator("tbody th a").all_inner_texts()
        csv = await page.locator("a[download]").get_attribute("href")
        answer = await page.context.request.get(f"{shop.url}{csv}")
        rows = list(csv_reader((await answer.text()).splitlines()))
        assert [row[0] for row in rows[1:]] == listed
        await page.go_back()
    assert place > 0
    assert watch.problems == []
    await page.context.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_texts_of_the_grid_are_legible_on_every_shade(
    shop: RunningServer, browser: Browser, theme: Literal["light", "dark"]
) -> None:
    page = await browser.new_page(color_scheme=theme)
    await page.goto(f"{shop.url}/segments")
    contrasts = await page.locator(".chart-grid a.cell").first.evaluate(CONTRASTS, SHADES)
    assert len(contrasts) == SHADES
    assert all(contrast >= LEGIBLE for contrast in contrasts), contrasts
    assert len({round(contrast, 2) for contrast in contrasts}) == SHADES  # each shade is another colour
    await page.close()


async def test_every_list_shows_all_customers_or_those_who_can_be_reached(
    shop: RunningServer, browser: Browser
) -> None:
    """From a number on a page to the list, the list of those who can be reached, and the file of either."""
    page, watch = await english_page(browser, shop)
    for start, link in (
        ("/", "#totals h1 a"),
        ("/", ".tile .big a"),
        ("/segments", "tr.total td:nth-of-type(1) a"),
        ("/segments", ".as-table tbody td:nth-of-type(1) a"),
        ("/flows?from={first}&to={today}", ".summary a"),
        ("/flows?from={first}&to={today}", ".moves-figure a"),
        ("/daily", "#customers .people a"),
        ("/daily?from={first}&to={today}", "#returned .people a"),
    ):
        days = {"first": date.today() - timedelta(80), "today": date.today()}  # noqa: DTZ011 - the shop's days are UTC
        await page.goto(shop.url + start.format(**days))
        if ".as-table" in link:
            await page.locator(".as-table summary").click()
        await page.locator(link).first.click()
        choices = page.locator("main .chips").last.locator("a")
        shown = [number(await choices.nth(place).inner_text()) for place in range(3)]
        assert shown[0] == shown[1] + shown[2] > 0, start
        for place, count in enumerate(shown):
            if not count:
                continue
            await page.locator("main .chips").last.locator("a").nth(place).click()
            listed = await page.locator("main tbody th a").all_inner_texts()
            assert len(listed) == min(count, 50), (start, link)
            csv = await page.locator("a[download]").get_attribute("href")
            answer = await page.context.request.get(f"{shop.url}{csv}")
            rows = list(csv_reader((await answer.text()).splitlines()))
            assert len(rows) == count + 1
            assert [row[0] for row in rows[1 : len(listed) + 1]] == listed
    assert watch.problems == []
    await page.context.close()
