"""The page of campaigns with results: what was sent and suppressed, both groups, and the uplift with its interval."""

import itertools
import re
import secrets
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.pages.browser import Watch, overflow, spilled, violations
from tests.pages.campaign_shop import CAMPAIGNS, CUSTOMERS, PERIOD, open_campaign_shop
from tests.running.http_servers import RunningServer, start_server
from tests.running.workers import Site
from tests.servers.apache_kafka import ApacheKafka
from tests.servers.redis_server import RedisServer

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(300)]

ADDRESS: Final = f"/campaigns?{PERIOD}&results=1"
NUMBER: Final = re.compile(r"\d+")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def campaign_shop(
    kafka: ApacheKafka, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[RunningServer]:
    """The server of a shop whose campaigns have results, with the worker that sent their messages."""
    folder = tmp_path_factory.mktemp("campaigns")
    (folder / "campaigns.toml").write_text(CAMPAIGNS)
    settings = {"REDIS": redis_server.url, "TIME": "event", "PARTITIONS": "1"}
    settings |= {"CAMPAIGNS": str(folder / "campaigns.toml")}
    site = Site(kafka.bootstrap, f"c{secrets.token_hex(4)}", folder, settings)
    await site.create_topics()
    worker = site.worker()
    await worker.ready()
    server = start_server(site, "pages")
    try:
        await server.ready()
        await open_campaign_shop(site, server)
        yield server
    finally:
        server.child.kill()
        site.close()


async def _card(page: Page, campaign: str) -> list[int]:
    """Return entries and responses of those with messages, then of those held back."""
    rows = page.locator(f"section:has(#campaign-{campaign}) table.dense tbody tr")
    await expect(rows).to_have_count(2)
    return [
        int(NUMBER.findall(await rows.nth(place).locator("td").nth(column).inner_text())[0])
        for place in range(2)
        for column in range(2)
    ]


async def test_a_campaign_shows_what_it_sent_and_what_it_brought(
    campaign_shop: RunningServer, browser: Browser
) -> None:
    report = (await campaign_shop.request("GET", "/v1/campaigns/report")).json["campaigns"]
    of_name = {campaign["campaign"]: campaign for campaign in report}
    page = await browser.new_page(locale="en")
    await page.goto(campaign_shop.url + ADDRESS)
    for name, campaign in of_name.items():
        begun = campaign["begun"]
        entries, responded, entries_without, responded_without = await _card(page, name)
        assert (entries, entries_without) == (begun["treated"], begun["holdout"] + begun["control"])
        assert responded >= responded_without
        assert await page.locator(f"section:has(#campaign-{name}) .chart-steps .stop").count() > 0
    second = page.locator("section:has(#campaign-second-order)")
    entries, responded, without, responded_without = await _card(page, "second-order")
    assert entries + without == CUSTOMERS
    assert responded / entries > 2 * responded_without / without
    await expect(second.locator(".verdict")).to_have_text("More respond, they bring more revenue.")
    await expect(second.locator(".verdict")).to_have_class("verdict good")
    bounds = [
        float(text) for text in re.findall(r"\+[\d.]+", await second.locator(".estimate-box p").first.inner_text())
    ]
    uplift, low, high = bounds[:3]
    assert 0 < low < uplift < high
    assert await second.locator(".chart-interval .range").count() == 2
    await expect(second).to_contain_text(re.compile(r"\d+ sent, \d+ opened, \d+ clicked, \d+ redeemed"))
    holdout = of_name["second-order"]["begun"]["holdout"]
    await expect(second.locator(".reasons").first).to_contain_text(f"{holdout} customers are held back for comparison")
    late = page.locator("section:has(#campaign-come-back-soon-we-have-missed-you)")
    await expect(late.locator(".verdict")).to_contain_text("Too small to tell")
    await expect(late).to_contain_text("sent · opens, clicks, redemptions: – (not reported)")
    await expect(late).to_contain_text("responded to none of the messages, and get no more")
    await page.close()


@pytest.mark.parametrize("language", ["en", "ru"])
async def test_results_are_accessible_and_fit_any_screen(
    campaign_shop: RunningServer, browser: Browser, axe: str, language: str
) -> None:
    context = await browser.new_context(extra_http_headers={"Accept-Language": language})
    watch = Watch(context, campaign_shop.url)
    page, found = await context.new_page(), []
    await page.goto(campaign_shop.url + ADDRESS)
    assert await page.locator(".chart-interval").count() > 3
    for summary in await page.locator("main summary").all():
        await summary.click()
    await page.evaluate(axe)
    for width, theme in itertools.product((1280, 360), ("light", "dark")):
        await page.set_viewport_size({"width": width, "height": 900})
        await page.emulate_media(color_scheme="light" if theme == "light" else "dark")
        found += [f"{theme} {width}: {each}" for each in await violations(page)]
        found += [f"{width}: {each} spills" for each in await spilled(page)]
        if (wider := await overflow(page)) > 0:
            found.append(f"{width}: {wider} px wider than the window")
    found += watch.problems
    await context.close()
    assert not found, "\n".join(found)
