"""No wait is silent: after 10 s it is logged, exposed and a reason not to be ready, every minute, until it ends."""

import asyncio
import logging
from collections.abc import AsyncGenerator

import pytest
from prometheus_client import CollectorRegistry

from streams.telemetry.metrics import Metrics
from streams.telemetry.waits import Wait, Waits
from tests.lanes.clock import ManualClock

STARTED_AT = "2027-01-15T08:00:00Z"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture
def waits(metrics: Metrics, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> Waits:
    caplog.set_level(logging.INFO)
    return Waits("admit", metrics.waiting_seconds, clock)


def exposed(metrics: Metrics) -> dict[tuple[str, str], float]:
    """Return the series of the gauge, by stage and what."""
    return {
        (sample.labels["stage"], sample.labels["what"]): sample.value
        for family in metrics.waiting_seconds.collect()
        for sample in family.samples
    }


def pass_seconds(waits: Waits, clock: ManualClock, seconds: int) -> None:
    """Let time pass, with a look every second."""
    for _ in range(seconds):
        clock.advance(1)
        waits.look()


def test_a_wait_of_10_s_is_no_news(
    waits: Waits, metrics: Metrics, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    with waits.on(Wait.POSITION, "the group's position"):
        pass_seconds(waits, clock, 10)
        assert (waits.problem(), exposed(metrics)) == (None, {})
    pass_seconds(waits, clock, 1)
    assert caplog.messages == []


def test_a_longer_wait_is_logged_every_minute_until_it_has_ended(
    waits: Waits, metrics: Metrics, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    with waits.on(Wait.POSITION, "the group's position"):
        pass_seconds(waits, clock, 70)
        assert exposed(metrics) == {("admit", "position"): 70.0}
        assert waits.problem() == "stage admit waits for the group's position for 70 s"
        pass_seconds(waits, clock, 2)
    pass_seconds(waits, clock, 3)

    waiting = "stage admit waits for the group's position for {} s, since " + f"{STARTED_AT}: {Wait.POSITION.advice}"
    assert caplog.messages == [
        waiting.format(11),
        waiting.format(71),
        "stage admit no longer waits for the group's position, after 73 s",
    ]
    assert (waits.problem(), exposed(metrics)) == (None, {})


def test_lanes_that_wait_for_the_same_are_one_line(
    waits: Waits, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(5):
        waits.waiter().on(Wait.READING, f"records of journal:{number}").begin()
    waits.on(Wait.POLICY, "the first policy").begin()
    pass_seconds(waits, clock, 12)

    assert [message.partition(" for 11 s")[0] for message in caplog.messages] == [
        "stage admit waits for records of journal:0, records of journal:1, records of journal:2 and 2 more",
        "stage admit waits for the first policy",
    ]


def test_progress_begins_a_wait_again(waits: Waits, clock: ManualClock, caplog: pytest.LogCaptureFixture) -> None:
    waiter = waits.waiter()
    with waiter.on(Wait.REPORTS, "the source partitions") as waiting:
        for _ in range(8):
            pass_seconds(waits, clock, 9)
            waiting.note_progress()
    assert caplog.messages == []
    assert waiter.steps == 9


def test_a_wait_that_fails_has_ended_without_a_step(waits: Waits, clock: ManualClock) -> None:
    waiter = waits.waiter()

    def fail_while_waiting() -> None:
        with waiter.on(Wait.EPOCH, "an epoch"):
            clock.advance(20)
            assert waits.problem() is not None
            raise TimeoutError

    with pytest.raises(TimeoutError):
        fail_while_waiting()
    assert (waits.problem(), waiter.steps) == (None, 0)


def test_those_who_are_gone_wait_no_longer(waits: Waits, clock: ManualClock) -> None:
    waits.on(Wait.START, "Kafka").begin()
    clock.advance(20)
    waits.clear()
    assert waits.problem() is None


def test_only_waits_for_other_workers_excuse_a_lane(waits: Waits) -> None:
    lane, other = waits.waiter(), waits.waiter()
    with other.on(Wait.POLICY, "the first policy"), lane.on(Wait.READING, "records"):
        assert (lane.waits_for_others, other.waits_for_others) == (False, True)
    assert not other.waits_for_others


async def test_each_item_is_waited_for_and_handling_it_is_not(waits: Waits, clock: ManualClock) -> None:
    arrived = asyncio.Event()

    async def items() -> AsyncGenerator[int]:
        yield 1
        await arrived.wait()
        yield 2

    waiter = waits.waiter()
    reading = waiter.each(Wait.READING, "records", items())
    assert await anext(reading) == 1
    clock.advance(20)  # what the reader does with the item
    assert waits.problem() is None

    second = asyncio.ensure_future(anext(reading))
    await asyncio.sleep(0)
    clock.advance(20)
    assert waits.problem() == "stage admit waits for records for 20 s"
    arrived.set()
    assert await second == 2
    assert (waits.problem(), waiter.steps) == (None, 2)
    await reading.aclose()


def test_labels_are_few_and_every_wait_has_advice() -> None:
    assert len({wait.label for wait in Wait}) == len(Wait) <= 12
    assert all(wait.advice for wait in Wait)
