"""The lane of a source partition: every record is journaled in order or rejected, despite any failure."""

import asyncio
import json
from typing import Any

import pytest
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.admit.dead_letters import LARGE_BYTES
from state.records.events import (
    AnonymousSale,
    CampaignsApplied,
    CustomerReferred,
    OrderPlaced,
    PolicyApplied,
    SourceEvent,
    Tick,
    decode_record,
)
from streams.defaults import campaigns_text, policy_text
from streams.engine.lane import SESSION_SECONDS, OwnershipLost
from streams.kafka.control import decode_control
from streams.kafka.topics import Topics
from streams.kafka.writing.publisher import partition_of
from tests.lanes.admit_worker import Group, publish, purchase
from tests.lanes.memory_broker import Crash, MemoryBroker
from tests.lanes.segment_worker import result_of, work_until_done
from tests.oracle import moments
from tests.property.folding import PREFIX, TOPICS

PURCHASES = TP(TOPICS.full("purchases"), 0)
SIGNUPS = TP(TOPICS.full("signups"), 0)
EVENTS = (
    purchase(0, "a"),
    b"no event",
    purchase(1, "b"),
    purchase(2, None),
    purchase(3, "a", amount="-1"),
    purchase(4, "b"),
    purchase(5, "c"),
    purchase(1, "b"),
)


async def admitted(broker: MemoryBroker, partitions: int = 1) -> Group:
    """Admit the events without failures."""
    group = Group(broker, partitions=partitions)
    publish(broker, PURCHASES.topic, EVENTS)
    worker = group.worker([PURCHASES])
    await worker.open()
    await worker.process_all(batch_records=3)
    return group


async def test_a_customer_s_events_are_journaled_in_order_in_one_partition() -> None:
    broker = MemoryBroker()
    group = await admitted(broker, partitions=2)
    for number in range(2):
        rules = [type(record).__name__ for record in group.journal(number)[:2]]
        assert rules == ["PolicyApplied", "CampaignsApplied"]
    expected = {"a": ["o0"], "b": ["o1", "o4", "o1"], "c": ["o5"]}
    for customer_id, order_ids in expected.items():
        number = partition_of(customer_id.encode(), 2)
        own = [record for record in broker.records(TOPICS.journal, number) if record.key == customer_id.encode()]
        assert [order_of(record) for record in own] == order_ids
    anonymous = [each for number in range(2) for each in group.journal(number) if isinstance(each, AnonymousSale)]
    assert [each.event_id for each in anonymous] == ["e2"]


def order_of(record: ConsumerRecord) -> str:
    decoded = decode_record(record.value)
    assert isinstance(decoded, OrderPlaced)
    return decoded.order_id


async def test_an_invalid_record_is_rejected_with_its_reason_and_origin() -> None:
    broker = MemoryBroker()
    await admitted(broker)
    rejected = broker.records(TOPICS.rejected)
    headers = [{name: value.decode() for name, value in record.headers} for record in rejected]
    assert rejected[0].value == b"no event"
    assert [each["goldstream-reason"] for each in headers] == ["malformed", "amount"]
    assert [each["goldstream-source"] for each in headers] == [f"{PURCHASES.topic}:0:1", f"{PURCHASES.topic}:0:4"]


async def test_a_signup_that_names_a_referrer_is_journaled_for_both() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    event = {"type": "signup", "event_id": "s", "customer_id": "d", "referred_by": "a", "consent": {}}
    publish(broker, SIGNUPS.topic, [event])
    worker = group.worker([SIGNUPS])
    await worker.open()
    await worker.process_all()
    assert [record.key for record in broker.records(TOPICS.journal)[-2:]] == [b"d", b"a"]
    assert isinstance(group.journal()[-1], CustomerReferred)


async def test_a_restart_repeats_from_the_committed_offset_and_the_fold_skips_it() -> None:
    expected_broker = MemoryBroker()
    await admitted(expected_broker)
    expected = await folded(expected_broker)
    broker = MemoryBroker()
    group = Group(broker)
    publish(broker, PURCHASES.topic, EVENTS)
    worker = group.worker([PURCHASES])
    await worker.open()
    await worker.process(PURCHASES, 3)
    committed = dict(group.committed)
    await worker.process(PURCHASES, 3)
    group.committed = committed  # the worker dies before it commits that
    worker = group.worker([PURCHASES])
    await worker.open()
    assert (worker.lane(PURCHASES).cursor, worker.lane(PURCHASES).position) == (3, 3)
    await worker.process_all()
    orders = [record.order_id for record in group.journal() if isinstance(record, OrderPlaced)]
    assert orders == ["o0", "o1", "o4", "o4", "o5", "o1"]
    assert await folded(broker) == expected


@pytest.mark.parametrize("fault", ["crash", "crash after", "refused", "unacknowledged"])
async def test_a_failed_request_does_not_change_the_folded_result(fault: str) -> None:
    """At every request of the stage: rules, journal, rejected, reports."""
    undisturbed = MemoryBroker()
    await admitted(undisturbed)
    requests, rejected = list(undisturbed.requests), {each.value for each in undisturbed.records(TOPICS.rejected)}
    expected = await folded(undisturbed)
    for number, (topic, _, _) in enumerate(requests):
        broker = MemoryBroker()
        broker.fault = lambda _topic, request, number=number: fault if request == number else None  # type: ignore[misc]
        group = Group(broker)
        publish(broker, PURCHASES.topic, EVENTS)
        failures = 0
        while True:
            worker = group.worker([PURCHASES])
            try:
                await worker.open()
                await worker.process_all(batch_records=3)
            except (Crash, KafkaError):
                failures += 1
            else:
                break
        assert failures == 1, f"{fault} at request {number}, to {topic}"
        assert {each.value for each in broker.records(TOPICS.rejected)} == rejected
        assert await folded(broker) == expected, f"{fault} at request {number}, to {topic}"


async def folded(broker: MemoryBroker) -> object:
    """Return the result of the stage segment, without journal offsets, which repeats shift."""
    broker.fault = lambda _topic, _number: None
    assert await work_until_done(broker) == 0
    result = result_of(broker)
    for profile in result["customers"].values():
        del profile["offset"]
    return {name: result[name] for name in ("outputs", "daily", "customers", "days", "erasures")}


async def test_an_event_from_the_future_is_rejected_only_in_wall_mode() -> None:
    for time, is_admitted in (("wall", False), ("event", True)):
        broker = MemoryBroker()
        group = Group(broker, time=time)
        ahead = moments.text(broker.clock.wall_ms() + 5 * 60_000 + 1)
        publish(broker, PURCHASES.topic, [purchase(0, occurred_at=ahead)])
        worker = group.worker([PURCHASES])
        await worker.open()
        await worker.process_all()
        assert any(isinstance(record, OrderPlaced) for record in group.journal()) == is_admitted
        assert len(broker.records(TOPICS.rejected)) == (not is_admitted)


@pytest.mark.parametrize("time", ["wall", "event"])
async def test_the_first_worker_s_campaigns_begin_in_wall_mode(time: str) -> None:
    """A later worker changes nothing, and the journal has what `control` has."""
    broker = MemoryBroker()
    group, now_ms = Group(broker, time=time), broker.clock.wall_ms()
    await group.worker([]).open()
    broker.clock.advance(60)
    await group.worker([]).open()
    records = [decode_control(each.value, each.offset) for each in broker.records(TOPICS.control)]
    begun = [each.begins_at for each in records if each is not None and each.kind == "campaigns"]
    assert begun == [now_ms if time == "wall" else None]
    assert [each.begins_at for each in group.journal() if isinstance(each, CampaignsApplied)] == begun


async def test_campaigns_of_an_earlier_version_have_no_beginning() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    for kind, text in (("policy", policy_text()), ("campaigns", campaigns_text())):
        broker.append(TOPICS.control, 0, kind.encode(), json.dumps({"kind": kind, "text": text}).encode())
    await group.worker([]).open()
    assert [each.begins_at for each in group.journal() if isinstance(each, CampaignsApplied)] == [None]


@pytest.mark.parametrize("time", ["wall", "event"])
@pytest.mark.parametrize("source", ["events", "purchases", "old.purchases"])
async def test_a_backfill_event_has_a_horizon(time: str, source: str) -> None:
    """The clock at admission in wall mode, its own moment in event mode; other events have none."""
    broker = MemoryBroker()
    group = Group(broker, time=time, sources="old")
    at_ms = broker.clock.wall_ms() - 60_000
    history: dict[str, Any] = {"backfill": True, "import_id": "i-7"}
    topic = Topics(PREFIX, ("old",)).full(source)
    signup = {"type": "signup", "event_id": "s", "customer_id": "d", "referred_by": "a"}
    events = [purchase(0, **history), purchase(1), purchase(2, None, **history), purchase(3, import_id="i-8")]
    publish(broker, topic, [*events, signup | history] if source == "events" else events)
    worker = group.worker([TP(topic, 0)])
    await worker.open()
    await worker.process_all(batch_records=9)
    horizon = broker.clock.wall_ms() if time == "wall" else at_ms
    records = [each for each in group.journal() if isinstance(each, SourceEvent)]
    assert {each.topic.removesuffix("+referrer") for each in records} == {source}
    found = [(each.kind, each.horizon, each.import_id) for each in records]
    expected = [
        ("purchase", horizon, "i-7"),
        ("purchase", None, None),
        ("anonymous", horizon, "i-7"),
        ("purchase", None, "i-8"),
    ]
    assert found[:4] == expected
    assert found[4:] == ([("signup", horizon, "i-7"), ("referral", None, "i-7")] if source == "events" else [])


@pytest.mark.parametrize("fault", [None, "too large"])
async def test_a_large_reject_loses_its_value_only_if_the_topic_refuses_it(fault: str | None) -> None:
    broker = MemoryBroker()
    group = Group(broker)
    large = b"x" * (LARGE_BYTES + 1)
    publish(broker, PURCHASES.topic, [large])
    worker = group.worker([PURCHASES])
    await worker.open()
    faults = iter([fault])
    broker.fault = lambda topic, _number: next(faults, None) if topic == TOPICS.rejected else None
    await worker.process_all()
    assert [record.value for record in broker.records(TOPICS.rejected)] == [large if fault is None else None]
    assert worker.lane(PURCHASES).cursor == 1


async def test_event_mode_restores_the_latest_moment_after_a_restart() -> None:
    broker = MemoryBroker()
    group = Group(broker, time="event")
    start_ms = broker.clock.wall_ms()
    publish(
        broker,
        PURCHASES.topic,
        [purchase(n, occurred_at=moments.text(start_ms + at)) for n, at in enumerate((5, 9, 7, 8))],
    )
    worker = group.worker([PURCHASES])
    await worker.open()
    await worker.process(PURCHASES, 1)
    await worker.keep_time()
    await worker.process(PURCHASES, 2)
    assert worker.lane(PURCHASES).max_occurred_at == start_ms + 9
    worker = group.worker([PURCHASES])
    await worker.open()
    assert worker.lane(PURCHASES).max_occurred_at == start_ms + 9
    await worker.process_all()
    assert worker.lane(PURCHASES).max_occurred_at == start_ms + 9


async def test_a_lane_waits_until_the_journal_has_a_policy() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    publish(broker, PURCHASES.topic, EVENTS)
    waiting = group.worker([PURCHASES], owns_control=False)
    opening = asyncio.create_task(waiting.open())
    await asyncio.sleep(0)
    assert not opening.done()
    owner = group.worker([], owns_control=True)
    await owner.open()
    await waiting.follow()
    async with waiting.follower._changed:
        waiting.follower._changed.notify_all()
    await opening
    await waiting.process_all()
    assert isinstance(group.journal()[0], PolicyApplied)
    assert any(isinstance(record, OrderPlaced) for record in group.journal())


async def test_a_lane_without_heartbeats_for_a_session_journals_nothing() -> None:
    broker = MemoryBroker()
    group = Group(broker)
    publish(broker, PURCHASES.topic, EVENTS)
    worker = group.worker([PURCHASES])
    await worker.open()
    ends = broker.log(TOPICS.journal).end, broker.log(TOPICS.rejected).end
    broker.clock.advance(SESSION_SECONDS + 1)
    with pytest.raises(OwnershipLost):
        await worker.process_all()
    assert (broker.log(TOPICS.journal).end, broker.log(TOPICS.rejected).end) == ends
    assert worker.lane(PURCHASES).cursor == 0
    assert not any(isinstance(record, Tick) for record in group.journal())
