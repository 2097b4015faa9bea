"""Events for tests of the intake over HTTP, and a site where it works without a worker."""

import asyncio
from itertools import count
from typing import Any, Final

import aiohttp

from state.units.timestamps import format_ms
from streams.clock import SYSTEM_CLOCK
from streams.defaults import campaigns_text, policy_text
from streams.kafka.control import ControlRecord, append_control
from streams.settings.settings import load_settings
from tests.running.http_servers import RunningServer
from tests.running.workers import Site, until

_numbers: Final = count(1)


async def prepare(site: Site) -> None:
    """Create the topics and activate the default policy, as a first worker would."""
    await site.create_topics()
    settings = load_settings(environ=site.environment())
    await append_control(settings, ControlRecord("policy", text=policy_text()))
    await append_control(settings, ControlRecord("campaigns", text=campaigns_text()))


async def has_rules(server: RunningServer) -> None:
    """Wait until a server knows the policy."""

    async def checks() -> bool:
        return (await server.request("POST", "/v1/check", json=purchase())).status == 200

    await until(checks, "the rules")


def purchase(customer_id: str | None = "c-17", **fields: Any) -> dict[str, Any]:
    """Return a purchase that no other one equals."""
    number = next(_numbers)
    return {
        "type": "purchase",
        "event_id": f"till-7/{number}",
        "customer_id": customer_id,
        "order_id": f"o-{number}",
        "occurred_at": format_ms(SYSTEM_CLOCK.wall_ms() - 60_000),
        "amount": "990.00",
        "currency": "RUB",
        **fields,
    }


class Load:
    """Sends single purchases at a steady rate, and notes which were answered with which status."""

    def __init__(self, urls: list[str], per_second: float) -> None:
        """Take the addresses of servers, which get the events in turn."""
        self.answers: dict[str, int | str] = {}
        self._urls = urls
        self._pause_s = 1 / per_second
        self._is_stopped = False
        self._sent: set[asyncio.Task[None]] = set()

    def stop(self) -> None:
        """Send no more."""
        self._is_stopped = True

    async def run(self, customers: int = 20) -> None:
        """Send until stopped, then wait for the answers."""
        loop = asyncio.get_running_loop()
        begin, number = loop.time(), 0
        timeout = aiohttp.ClientTimeout(total=30)
        async with aiohttp.ClientSession(
            timeout=timeout, connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=2)
        ) as client:
            while not self._is_stopped:
                await asyncio.sleep(max(0.0, begin + number * self._pause_s - loop.time()))
                url = self._urls[number % len(self._urls)]
                task = asyncio.create_task(self._send(client, url, purchase(f"c-{number % customers}")))
                self._sent.add(task)
                task.add_done_callback(self._sent.discard)
                number += 1
            while self._sent:
                await asyncio.gather(*self._sent)

    def ids(self, status: int) -> set[str]:
        """Return the ids of the events that were answered with a status."""
        return {event_id for event_id, answered in self.answers.items() if answered == status}

    async def _send(self, client: aiohttp.ClientSession, url: str, event: dict[str, Any]) -> None:
        try:
            async with client.post(f"{url}/v1/events", json=event) as answer:
                await answer.read()
                self.answers[event["event_id"]] = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            self.answers[event["event_id"]] = type(error).__name__
