"""Debian's Chromium, driven by Playwright, and what it notices of a page: errors, requests, accessibility."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.servers import Missing, program

AXE: Final = Path(__file__).parents[2] / ".cache" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
OPTIONS: Final = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # details of nothing else
    "preload": False,  # the style sheet is of this host, and loaded
}
ARGUMENTS: Final = [
    "--no-sandbox",  # Chromium does not start as root with it
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

CUT_TEXTS: Final = """() => [...document.querySelectorAll("svg.chart")].flatMap((svg) => {
  const outside = (inner, outer) => inner.left < outer.left - 1 || inner.right > outer.right + 1;
  const shown = (text) => getComputedStyle(text).display !== "none";
  const box = svg.getBoundingClientRect();
  const cut = [...svg.querySelectorAll("text")].filter((text) => outside(text.getBoundingClientRect(), box));
  const broad = [...svg.querySelectorAll(".cell")].flatMap((cell) => {
    const room = cell.querySelector("rect").getBoundingClientRect();
    return [...cell.querySelectorAll("text")].filter((text) => outside(text.getBoundingClientRect(), room));
  });
  return box.width < 10 ? [] : [...cut, ...broad].filter(shown).map((text) => text.textContent);
})"""
"""Texts of charts that stand over the edge of their chart, or of their cell of the grid; also those of hovering."""


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Start Chromium.

    Raises:
        Missing: it is not installed.
    """
    path = program("chromium", "chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield browser
        finally:
            await browser.close()


def axe_source() -> str:
    """Return the script that finds violations of accessibility rules.

    Raises:
        Missing: it is not installed.
    """
    if not AXE.is_file():
        message = f"{AXE.name} is missing: run `make servers`, with npm installed (Debian: npm)"
        raise Missing(message)
    return AXE.read_text()


class Watch:
    """What happens in the pages of a context.

    Attributes:
        problems: errors on the console, exceptions, dialogs, and requests to other hosts.
        sent_bytes: of the bodies of all responses, as they were sent.
    """

    def __init__(self, context: BrowserContext, base: str) -> None:
        self.problems: list[str] = []
        self.sent_bytes = 0
        self._host = urlsplit(base).netloc
        context.on("page", self._watch)

    def _watch(self, page: Page) -> None:
        page.on("console", lambda message: self._console(message.type, message.text))
        page.on("pageerror", lambda error: self.problems.append(f"exception: {error}"))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._request(request.url))
        page.on("response", lambda response: self._count(response.headers.get("content-length", "0")))

    def _console(self, kind: str, text: str) -> None:
        # a page that is refused has a status that the browser itself reports; the test asserts the status
        if kind in {"error", "warning"} and not text.startswith("Failed to load resource"):
            self.problems.append(f"{kind}: {text}")

    async def _dialog(self, dialog: Any) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _request(self, url: str) -> None:
        if urlsplit(url).netloc != self._host and not url.startswith("data:"):
            self.problems.append(f"request to another host: {url}")

    def _count(self, length: str) -> None:
        self.sent_bytes += int(length)


async def violations(page: Page) -> list[str]:
    """Return what breaks the rules of accessibility: the rule, and where. The page has the script of `axe_source`."""
    found = await page.evaluate("options => axe.run(document, options)", OPTIONS)
    return [
        f"{violation['id']}: {node['html'][:160]} ({'; '.join(check['message'] for check in node['any'])[:200]})"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


async def overflow(page: Page) -> int:
    """Return by how many pixels a page is wider than the window."""
    return int(await page.evaluate("document.documentElement.scrollWidth - window.innerWidth"))


async def spilled(page: Page) -> list[str]:
    """Return the elements that are wider than the part of the page around them, unless that can be scrolled."""
    found: list[str] = await page.evaluate(_SPILLED)
    return found


_SPILLED: Final = """() => {
  const texts = "a, b, p, li, dt, dd, th, td, h1, h2, h3, h4, code, span, text";
  const spills = (each) => {
    if (!each.checkVisibility({ opacityProperty: true })) return false;
    if (each.closest(".scroll, .chart-box, pre, .visually-hidden")) return false;
    const around = each.ownerSVGElement ?? each.closest(".tile, .panel, .card") ?? document.querySelector("main");
    const [inner, outer] = [each.getBoundingClientRect(), around.getBoundingClientRect()];
    return inner.width > 1 && (inner.right > outer.right + 1 || inner.left < outer.left - 1);
  };
  return [...document.querySelectorAll(`main :is(${texts})`)]
    .filter(spills)
    .map((each) => `${each.tagName} ${each.textContent.trim().slice(0, 60)}`);
}"""


async def cut_texts(page: Page) -> list[str]:
    """Return the texts of charts that are cut off at the width of the window."""
    return list(await page.evaluate(CUT_TEXTS))
