"""The largest policy: 10 scores of each measure. The last module, because the policy stays."""

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Browser, expect

from tests.pages.browser import overflow, violations
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until

MIDDLE: Final = {"loyal": 9, "new": 8, "active": 7, "at_risk": 6}
"""Segments that the active campaigns name, and their scores of recency."""

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_policy_of_a_thousand_cells_fits_the_narrowest_screen(
    shop: RunningServer, shop_site: Site, browser: Browser, axe: str, tmp_path: Path
) -> None:
    edges = list(range(1, 10))
    policy = tmp_path / "fine.toml"
    policy.write_text(
        f"""\
name = "fine"
version = 1
currency = "RUB"
window_days = 365
[recency_days]
edges = {[30 * edge for edge in edges]}
[frequency]
edges = {[edge + 1 for edge in edges]}
[monetary]
edges = {[1000 * edge for edge in edges]}
[[segment]]
name = "golden"
when = {{ r = [10] }}
title.en = "The very best of all"
"""
        + "".join(f'[[segment]]\nname = "{name}"\nwhen = {{ r = [{r}] }}\n' for name, r in MIDDLE.items())
        + '[[segment]]\nname = "churned"\n'
    )
    applied = await shop_site.command("policy", "apply", str(policy), "--yes")
    assert applied.status == 0, applied.errors
    page = await browser.new_page(viewport={"width": 360, "height": 900})

    async def is_applied() -> bool:
        await page.goto(f"{shop.url}/segments")
        return await page.locator(".chart-grid .cell").count() == 100

    await until(is_applied, "the policy to be active", every_s=0.5)
    assert await overflow(page) == 0
    await page.evaluate(axe)
    assert await violations(page) == []
    await page.goto(shop.url)
    await expect(page.locator("main")).to_contain_text("The very best of all")
    await page.close()
