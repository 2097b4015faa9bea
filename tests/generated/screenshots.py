"""Write the screenshots that the README begins with: `make screenshots`, after the pages have changed.

They show the demo's base: real purchases of 1997 and 1998, until the end of June 1998. One is light and English, the
other dark and Russian.
"""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Browser, Page
from playwright.async_api import Error as PlaywrightError

from agents.control.advance import advance
from agents.demo.embedded.child_process import Child
from agents.demo.embedded.empty_fetches import pausing_after_empty_fetches
from agents.demo.embedded.loopback import HOST, free_port
from agents.demo.history import HISTORY_END
from agents.demo.run import BATCH_SIZE, read_history
from agents.demo.stack import Stack, environment_variables
from state.units.timestamps import DAY_MS, parse_rfc3339
from streams.clock import SYSTEM_CLOCK
from streams.kafka.topics import Topics
from streams.kafka.writing.publisher import Publisher
from streams.settings.settings import Settings
from tests.pages.browser import chromium
from tests.running.processes import GOLDSTREAM
from tests.running.workers import until

FOLDER: Final = Path(__file__).parents[2] / "docs" / "screenshots"
SIZE: Final = {"width": 1280, "height": 860}
FLOWS: Final = "v1/flows?from=1998-04-01&to=1998-06-29"
"""The last months of purchases; days of at most 90."""
TIMEOUT_S: Final = 600.0
STEADY_ANSWERS: Final = 4
MIN_CHANGES: Final = 5


async def publish_history(settings: Settings) -> None:
    """Publish the demo's history, and wait until it is evaluated."""
    events, _ = read_history(None)
    async with Publisher(settings, Topics(settings.prefix).full("events")) as publisher:
        for start in range(0, len(events), BATCH_SIZE):
            for event in events[start : start + BATCH_SIZE]:
                await publisher.publish(event.customer_id.encode(), event.value)
            await publisher.flush()
    await advance_to(settings, parse_rfc3339(HISTORY_END))


async def advance_to(settings: Settings, to_ms: int) -> None:
    """Let time pass until a moment.

    Raises:
        TimeoutError: the worker does not get there.
    """
    if await advance(settings, to_ms, TIMEOUT_S, SYSTEM_CLOCK):
        raise TimeoutError(f"the worker has not reached {to_ms} within {TIMEOUT_S:.0f} s")


def start_pages(settings: Settings, folder: Path) -> tuple[Child, str]:
    """Start `goldstream serve` on a free port; return it, and its address."""
    address = f"{HOST}:{free_port()}"
    variables = environment_variables(settings) | {"GOLDSTREAM_API": address, "GOLDSTREAM_DATA": str(folder / "serve")}
    server = Child([sys.executable, "-c", GOLDSTREAM, "serve"], log=folder / "serve.log", env=variables)
    server.start()
    return server, f"http://{address}"


async def wait_until_settled(browser: Browser, url: str) -> None:
    """Wait until the pages have all that was published: their figures stay the same for some seconds."""
    context = await browser.new_context()
    seen: list[str] = []

    async def is_settled() -> bool:
        try:
            answers = [
                await context.request.get(f"{url}/{path}") for path in ("ready", "v1/status", "v1/segments", FLOWS)
            ]
        except PlaywrightError:  # the server starts
            return False
        if not all(answer.ok for answer in answers):
            return False
        status = await answers[1].json()
        if status["policy"] is None or status["as_of"] is None:
            return False
        seen.append(await answers[2].text() + await answers[3].text())
        return len(seen) >= STEADY_ANSWERS and len(set(seen[-STEADY_ANSWERS:])) == 1

    await until(is_settled, "the figures to stay the same", within_s=TIMEOUT_S, every_s=1.0)
    await context.close()


async def open_page(browser: Browser, language: str, theme: Literal["light", "dark"], address: str) -> Page:
    """Open a page in a language and a theme."""
    context = await browser.new_context(
        viewport=SIZE,  # type: ignore[arg-type]  # the same keys and types
        color_scheme=theme,
        locale=language,
        reduced_motion="reduce",
    )
    page = await context.new_page()
    await page.goto(address)
    return page


async def save(page: Page, name: str) -> None:
    """Write what a reader sees first."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=FOLDER / f"{name}.png")
    sys.stdout.write(f"{FOLDER / name}.png\n")


async def main() -> None:
    """Start the demo's stack, play its history, and write the pictures."""
    with (
        tempfile.TemporaryDirectory() as data,
        contextlib.closing(Stack(Path(data), SYSTEM_CLOCK)) as stack,
        pausing_after_empty_fetches(SYSTEM_CLOCK),
    ):
        await stack.start()
        await publish_history(stack.settings)
        server, url = start_pages(stack.settings, stack.folder)
        try:
            async with chromium() as browser:
                await wait_until_settled(browser, url)
                now = await open_page(browser, "en", "light", f"{url}/")
                await advance_to(stack.settings, parse_rfc3339(HISTORY_END) + DAY_MS)  # so that changes arrive

                async def has_changes() -> bool:
                    return await now.locator("[data-feed] li").count() > MIN_CHANGES

                await until(has_changes, "changes to arrive", within_s=TIMEOUT_S)
                await wait_until_settled(browser, url)
                await save(now, "now-light-english")
                flows = await open_page(browser, "ru", "dark", f"{url}/{FLOWS.replace('v1/', '')}")
                await flows.locator("#flows:not([aria-busy])").wait_for()  # who can be reached is counted afterwards
                await save(flows, "flows-dark-russian")
        finally:
            server.kill()


if __name__ == "__main__":
    asyncio.run(main())
