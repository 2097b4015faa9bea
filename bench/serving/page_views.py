"""View every page beside a large base, and what is behind its counts: how long that takes, and how large it is."""

import gzip
import html
import http.client
import re
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from agents.serve.pages.site import FLOWS, PAGES
from bench.figures import Figure
from bench.serving.http_client import address_of
from bench.testbed.broker import BenchFailed

VIEWS: Final = 20
FIRST_VIEW: Final = "at most 150"
COMPRESSED: Final = "at most 70"
BEHIND_A_COUNT: Final = (
    "/segments/churned",
    "/segments/grid/1-1",
    "/flows?from={ninety}&to={today}",
    "/daily?from={ninety}&to={today}",
    "/daily/revenue",
    "/customers/t-00001-1",
)
_ASSET: Final = re.compile(rb'(?:href|src)="(/static/[^"]+)"')
_FLOW: Final = re.compile(rb'href="(/flows/customers[^"]+)"')
_WIDEST: Final = 40


class Viewed(NamedTuple):
    """The views of a page.

    Attributes:
        first_ms: of the first one, from the request to the last byte of the answer; `p50_ms` of those after it.
        kilobytes: of the page, compressed; `all_kilobytes` with its styles and scripts.
    """

    first_ms: float
    p50_ms: float
    kilobytes: float
    all_kilobytes: float


def view_all(url: str, log: Callable[[str], None]) -> list[Figure]:
    """View every page: those of the navigation, then those behind a count."""
    today, ninety = (time.strftime("%Y-%m-%d", time.gmtime(time.time() - days * 86_400)) for days in (0, 89))
    behind = (path.format(today=today, ninety=ninety) for path in BEHIND_A_COUNT)
    figures, flow = [], _largest_flow(url)
    for path in (*(page.path for page in PAGES), *behind, flow):
        log(f"viewing {path}")
        viewed = _view(url, path)
        figures += [
            Figure(f"{_short(path)}: first view", viewed.first_ms, "ms", FIRST_VIEW),
            Figure("  the next ones, p50", viewed.p50_ms, "ms"),
            Figure("  compressed", viewed.kilobytes, "KB"),
            Figure("  compressed, with styles and scripts", viewed.all_kilobytes, "KB", COMPRESSED),
        ]
    return figures


def _short(path: str) -> str:
    """Return an address that leaves room for the figures."""
    return path if len(path) <= _WIDEST else f"{path.partition('?')[0]}?…"


def _largest_flow(url: str) -> str:
    """Return the address of the customers of the first flow in the table."""
    connection = http.client.HTTPConnection(*address_of(url))
    try:
        link = _FLOW.search(gzip.decompress(_fetch(connection, FLOWS.path)))
    finally:
        connection.close()
    if link is None:
        raise BenchFailed("nobody moved")
    return html.unescape(link[1].decode())


def _view(url: str, path: str) -> Viewed:
    connection = http.client.HTTPConnection(*address_of(url))
    try:
        milliseconds = []
        for _ in range(1 + VIEWS):
            began_s = time.perf_counter()
            body = _fetch(connection, path)
            milliseconds.append(1000 * (time.perf_counter() - began_s))
        assets = {asset.decode() for asset in _ASSET.findall(gzip.decompress(body))}
        sent = len(body) + sum(len(_fetch(connection, asset)) for asset in assets)
    finally:
        connection.close()
    first, *rest = milliseconds
    return Viewed(first, sorted(rest)[VIEWS // 2], len(body) / 1000, sent / 1000)


def _fetch(connection: http.client.HTTPConnection, path: str) -> bytes:
    """Return the body of an answer as it was sent: compressed.

    Raises:
        BenchFailed: it is not 200.
    """
    connection.request("GET", path, headers={"Accept-Encoding": "gzip", "Accept-Language": "ru"})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise BenchFailed(f"{path}: {response.status}")
    return body


def reach_and_csv(url: str, moves: int) -> list[Figure]:
    """Count who can be reached of all who moved, which the page Flows asks for afterwards, and read a large list."""
    connection = http.client.HTTPConnection(*address_of(url))
    ninety = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 89 * 86_400))
    began_s = time.perf_counter()
    _fetch(connection, f"/flows?from={ninety}&counts=1")
    reach_s = time.perf_counter() - began_s
    began_s = time.perf_counter()
    connection.request("GET", "/v1/segments/churned/customers?format=csv")
    response = connection.getresponse()
    rows = response.read(1).count(b"\n")
    first_s = time.perf_counter() - began_s
    while chunk := response.read(1 << 20):
        rows += chunk.count(b"\n")
    seconds = time.perf_counter() - began_s
    connection.close()
    return [
        Figure(f"/flows?…&counts=1 of {moves:,} moves", reach_s, "s"),
        Figure("CSV of the segment churned: to the first byte", 1000 * first_s, "ms"),
        Figure("  customers", rows - 1, ""),
        Figure("  rate", (rows - 1) / seconds, "per second"),
    ]
