"""Close the connections of an app that did not stop in time.

Faust commits before it stops its consumer (`Consumer.on_stop`). Without a broker that never ends, so the consumer of an
abandoned app would live on, join the group again when the broker is back, and, being the same static member, take the
partitions away from the app that has replaced it; nothing would ever read them.
"""

import asyncio
from collections.abc import Iterator
from typing import Any, Final

import faust

CLOSE_SECONDS: Final = 1.0


async def close_abandoned(app: faust.App) -> None:
    """Cancel what the app's consumer and producer do, and close their connections; nothing here waits for a broker.

    aiokafka has no public way to close without the broker.
    """
    clients = [*_consumer_of(app), *_producer_of(app)]
    closing = [asyncio.ensure_future(client.close()) for client in clients]
    if closing:
        await asyncio.wait(closing, timeout=CLOSE_SECONDS)
    for each in closing:
        each.cancel()


def _consumer_of(app: faust.App) -> Iterator[Any]:
    """Cancel the tasks of the app's consumer, if it has one; yield its client."""
    consumer: Any = getattr(getattr(app._consumer, "_thread", None), "_consumer", None)  # noqa: SLF001
    if consumer is None:
        return
    consumer._closed = True  # noqa: SLF001
    coordinator, fetcher = consumer._coordinator, consumer._fetcher  # noqa: SLF001
    tasks: list[asyncio.Task[Any] | None] = []
    if coordinator is not None:
        if not coordinator._closing.done():  # noqa: SLF001
            coordinator._closing.set_result(None)  # noqa: SLF001
        tasks += [
            getattr(coordinator, f"_{name}_task", None) for name in ("coordination", "heartbeat", "commit_refresh")
        ]
    if fetcher is not None:
        fetcher._closed = True  # noqa: SLF001
        tasks += [fetcher._fetch_task, *fetcher._pending_tasks]  # noqa: SLF001
    _cancel(tasks)
    yield consumer._client  # noqa: SLF001


def _producer_of(app: faust.App) -> Iterator[Any]:
    """Cancel the task of the app's producer, if it has one; yield its client."""
    producer: Any = getattr(app._producer, "_producer", None)  # noqa: SLF001
    if producer is None:
        return
    producer._closed = True  # noqa: SLF001
    _cancel([producer._sender.sender_task])  # noqa: SLF001
    yield producer.client


def _cancel(tasks: list[asyncio.Task[Any] | None]) -> None:
    for task in tasks:
        if task is not None and not task.done():
            task.cancel()
