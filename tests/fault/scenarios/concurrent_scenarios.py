"""Scenarios run concurrently: most of their time is spent waiting for a session to expire."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

MAX_CONCURRENT: Final = 4

Play = Callable[[], Coroutine[Any, Any, None]]


@asynccontextmanager
async def run_concurrently(plays: Mapping[str, Play]) -> AsyncIterator[Mapping[str, "asyncio.Task[None]"]]:
    """Start all of them in order, a few at once; one test awaits each."""
    gate = asyncio.Semaphore(MAX_CONCURRENT)

    async def run(play: Play) -> None:
        async with gate:
            await play()

    tasks = {name: asyncio.create_task(run(play), name=name) for name, play in plays.items()}
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


def selected_names(request: pytest.FixtureRequest) -> set[str]:
    """Return the names of the scenarios of this module whose tests were selected."""
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    return {call.params["name"] for call in calls if call is not None and "name" in call.params}
