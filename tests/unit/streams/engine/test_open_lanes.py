"""What becomes of a lane that ends: its stage learns of it, however it ends."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import ConsumerRecord
from faust.types import TP
from prometheus_client import CollectorRegistry

from streams.engine.lane import StatelessLane
from streams.engine.open_lanes import OpenLanes
from streams.errors import StrayCancellationError
from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Waits
from tests.lanes.clock import ManualClock
from tests.running.workers import until

PARTITION = TP("events", 0)


class FailingLane(StatelessLane):
    """A lane whose recovery ends with an error."""

    def __init__(self, error: BaseException) -> None:
        self.cursor = -1
        self.waiter = Waits("admit", None, ManualClock()).waiter()
        self._error = error

    async def recover(self) -> None:
        """Fail."""
        raise self._error

    async def process(self, records: Sequence[ConsumerRecord]) -> None:
        """Refuse: it has not recovered."""
        raise AssertionError(records)

    def stop(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""


def lanes_with(error: BaseException, failures: list[BaseException]) -> OpenLanes:
    spec, app = SimpleNamespace(name="admit", lane=lambda *_: FailingLane(error)), SimpleNamespace(consumer=None)
    metrics, clock = Metrics(CollectorRegistry()), ManualClock()
    waits = Waits("admit", None, clock)
    return OpenLanes(cast("Any", spec), cast("Any", app), {}, metrics, clock, failures.append, waits)


@pytest.mark.parametrize(
    ("error", "reported"),
    [(OSError(), OSError), (asyncio.CancelledError(), StrayCancellationError)],
    ids=["with an error", "as if it had been cancelled"],
)
async def test_a_stage_learns_that_a_lane_has_ended(error: BaseException, reported: type[Exception]) -> None:
    failures: list[BaseException] = []
    lanes = lanes_with(error, failures)
    await lanes.open({PARTITION})

    async def failed() -> list[BaseException]:
        return failures

    assert [type(each) for each in await until(failed, "the failure to be reported")] == [reported]


async def test_the_group_is_waited_for_from_a_revocation_until_the_next_assignment() -> None:
    clock = ManualClock()
    lanes = lanes_with(OSError(), [])
    lanes.context.waits = waits = Waits("admit", None, clock)
    await lanes.close(set())
    clock.advance(20)
    assert waits.problem() == "stage admit waits for the partitions that the group assigns for 20 s"
    assert lanes.progress_marks() == {"the group's assignment": None}
    await lanes.open(set())
    assert waits.problem() is None
    assert lanes.progress_marks() == {}
