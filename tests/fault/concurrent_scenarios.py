"""Scenes that run side by side: most of each is waiting for a session to end, and the machine has more to do."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

AT_ONCE: Final = 4

Play = Callable[[], Coroutine[Any, Any, None]]


@asynccontextmanager
async def side_by_side(plays: Mapping[str, Play]) -> AsyncIterator[Mapping[str, "asyncio.Task[None]"]]:
    """Begin all of them, in order, a few at once; each is awaited by a test of its own."""
    gate = asyncio.Semaphore(AT_ONCE)

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


def asked_for(request: pytest.FixtureRequest) -> set[str]:
    """The names of the scenes of this module that are to be run: those of the tests that were selected."""
    calls = [getattr(item, "callspec", None) for item in request.session.items if item.path == request.path]
    return {call.params["name"] for call in calls if call is not None and "name" in call.params}
