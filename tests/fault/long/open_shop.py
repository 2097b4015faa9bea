"""An open shop in wall mode: no customer lapses while an earlier purchase is unread."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from tests.fault.scenarios import network_faults, worker_faults
from tests.fault.scenarios.concurrent_scenarios import run_concurrently, selected_names
from tests.fault.scenarios.open_shop import check_all, closed_for_a_while, shop
from tests.fault.scenarios.running_scenario import Fault
from tests.servers.apache_kafka import ApacheKafka

SHOPS: Final[dict[str, list[Fault]]] = {
    "the service is closed while the shop sells on": [closed_for_a_while, worker_faults.all_killed],
    "a worker hangs, then its line": [worker_faults.hung, network_faults.cut_off],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shops(
    request: pytest.FixtureRequest, kafka: ApacheKafka, scene_seed: int, place: Callable[[], tuple[str, Path]]
) -> AsyncIterator[Mapping[str, Awaitable[None]]]:
    """Run the selected shops."""

    async def play(what: list[Fault]) -> None:
        async with shop(kafka, *place(), scene_seed, workers=2, lines=2) as opened:
            await opened.play(what)
            await check_all(opened)

    names = selected_names(request)
    async with run_concurrently(
        {name: partial(play, what) for name, what in SHOPS.items() if name in names}
    ) as open_ones:
        yield open_ones


@pytest.mark.timeout(250)
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("name", SHOPS)
async def test_no_customer_lapses_while_a_purchase_is_unread_when(
    shops: Mapping[str, Awaitable[None]], name: str
) -> None:
    await shops[name]
