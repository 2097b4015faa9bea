"""What an earlier process has stored is delivered before anyone is told so, whatever is stored meanwhile."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from prometheus_client import CollectorRegistry

from agents.serve.intake.publishing.outgoing_record import OutgoingRecord
from agents.serve.intake.publishing.spool import Spool
from streams.clock import SYSTEM_CLOCK
from streams.telemetry.metrics import Metrics


class HeldPublisher:
    """A publisher whose records are acknowledged once they are released.

    Attributes:
        published: the values of the records, in order.
        asked: set once there are some.
        released: lets them be acknowledged.
    """

    def __init__(self) -> None:
        self.published: list[bytes | None] = []
        self.asked = asyncio.Event()
        self.released = asyncio.Event()

    def publish(self, records: Sequence[OutgoingRecord]) -> "HeldPublisher":
        """Publish records."""
        self.asked.set()
        self.published += [record.value for record in records]
        return self

    async def acknowledged(self) -> None:
        """Return once they are released."""
        await self.released.wait()


def spool_in(folder: Path, publisher: HeldPublisher) -> Spool:
    return Spool(folder, cast("Any", publisher), Metrics(CollectorRegistry()), SYSTEM_CLOCK)


def record(value: bytes) -> OutgoingRecord:
    return OutgoingRecord("events", b"ann", value)


async def test_an_empty_spool_has_nothing_to_deliver(tmp_path: Path) -> None:
    publisher = HeldPublisher()
    spool = spool_in(tmp_path, publisher)
    async with spool.running():
        assert spool.earlier_delivered.is_set()
        await spool.add([record(b"1")])
        assert spool.earlier_delivered.is_set(), "it knows what it has stored itself"


async def test_what_an_earlier_process_has_stored_is_acknowledged_before_it_counts_as_delivered(tmp_path: Path) -> None:
    async with (dying := spool_in(tmp_path, HeldPublisher())).running():
        await dying.add([record(b"1"), record(b"2")])
    publisher = HeldPublisher()
    spool = spool_in(tmp_path, publisher)
    async with spool.running():
        await spool.add([record(b"3")])
        await publisher.asked.wait()
        assert not spool.earlier_delivered.is_set()
        publisher.released.set()
        await asyncio.wait_for(spool.earlier_delivered.wait(), 30)
        assert publisher.published[:2] == [b"1", b"2"]
