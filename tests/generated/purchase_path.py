"""The way of one purchase through the code: which functions of which files it calls, from the source topic to Redis.

python -m tests.generated.purchase_path    # prints the figures of docs/architecture.md, and each call

A customer's second purchase, alone in its batch, which changes the segment; the broker lives in memory. Not included
are Faust's consumer, the runner of the lane and the Redis transaction, which work on whole batches.
"""

import asyncio
import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, NamedTuple, cast

from faust.types import TP
from prometheus_client import CollectorRegistry

from agents.admit.admit_lane import AdmitStage
from agents.control.control_follower import ControlFollower
from agents.project.customer_row import customer_row
from agents.segment.segment_lane import SegmentStage
from state.config.policy_reader import parse_policy
from state.customer.profile import decode_profile
from state.customer.segment_forecast import SegmentForecast
from state.records.events import CampaignsApplied, PolicyApplied, encode_record
from streams.defaults import campaigns_text, policy_text
from streams.engine.lane import StageContext
from streams.kafka.control import ControlRecord
from streams.kafka.topics import Topics
from streams.settings.settings import load_settings
from streams.tables.warm_tables import WarmTables
from streams.telemetry.metrics import Metrics
from streams.wire.watermarks import SourceWatermark
from tests.lanes.clock import ManualClock
from tests.lanes.memory_broker import MemoryBroker

ROOT: Final = Path(__file__).parents[2]
PACKAGES: Final = ("state", "streams", "agents")
CUSTOMER: Final = b"c-17"


class Call(NamedTuple):
    """A call of a function of the product: its file, relative to the repository, and its name."""

    file: str
    function: str


@contextmanager
def _recorded(calls: list[Call]) -> Iterator[None]:
    """Record the calls of the product's functions; a coroutine counts once, however often it waits."""
    seen: set[int] = set()
    frames: list[FrameType] = []  # keeps their ids from being used again

    def profile(frame: FrameType, event: str, _argument: Any) -> None:
        code = frame.f_code
        path = Path(code.co_filename)
        if event != "call" or not path.is_relative_to(ROOT):
            return
        file = path.relative_to(ROOT)
        if file.parts[0] not in PACKAGES or code.co_name.startswith("<"):  # comprehensions are no functions
            return
        if code.co_flags & (inspect.CO_COROUTINE | inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR):
            if id(frame) in seen:
                return
            seen.add(id(frame))
            frames.append(frame)
        calls.append(Call(str(file), code.co_name))

    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(None)


def _purchase(number: int, day: str) -> bytes:
    fields = {
        "event_id": f"e-{number}",
        "customer_id": CUSTOMER.decode(),
        "order_id": f"o-{number}",
        "occurred_at": f"{day}T12:00:00+03:00",
        "amount": "2480.00",
        "currency": "RUB",
    }
    return json.dumps(fields).encode()


async def _trace() -> dict[str, list[Call]]:
    clock, topics, metrics = ManualClock(), Topics("goldstream"), Metrics(CollectorRegistry())
    broker, settings = MemoryBroker(clock), load_settings(environ={})

    async def from_the_beginning(_tp: TP) -> int:
        return 0

    producer = broker.producer()
    context = StageContext(lambda: cast("Any", producer), from_the_beginning, clock)
    follower = ControlFollower(settings)
    follower.apply(ControlRecord("policy", policy_text(), offset=0))
    follower.source_watermarks["control:0"] = SourceWatermark(1)
    admit = AdmitStage(settings, broker, metrics, follower, 1, clock).lane(TP(topics.sources[0], 0), context)
    segment = SegmentStage(topics, broker, metrics, "goldstream", WarmTables(clock), clock).lane(
        TP(topics.journal, 0), context
    )
    journal, source = broker.log(topics.journal), broker.log(topics.sources[0])
    for rules in (PolicyApplied("control", 0, 0, policy_text()), CampaignsApplied("control", 0, 1, campaigns_text())):
        journal.append(None, encode_record(rules), None, 0)
    await admit.recover()
    await segment.recover()
    await segment.process(broker.records(topics.journal))
    stages: dict[str, list[Call]] = {}
    for number, day in enumerate(("2026-01-01", "2026-01-10")):
        stages = {"admit": [], "segment": [], "project": []}
        source.append(CUSTOMER, _purchase(number, day), None, 0)
        done = journal.end
        with _recorded(stages["admit"]):
            await admit.process(broker.records(source.topic)[-1:])
        with _recorded(stages["segment"]):
            await segment.process(broker.records(topics.journal)[done:])
            await segment.checkpoint()
    state = [record.value for record in broker.records(topics.customers) if record.key == CUSTOMER][-1]
    forecast = SegmentForecast(parse_policy(policy_text()))
    with _recorded(stages["project"]):
        customer_row(decode_profile(state), forecast)
    return stages


def trace_purchase() -> dict[str, list[Call]]:
    """Return the calls that the purchase causes in each stage."""
    return asyncio.run(_trace())


def summary(calls: Sequence[Call]) -> str:
    """Return the figures of some calls in one line."""
    return f"{len(calls)} calls of {len(set(calls))} functions in {len({call.file for call in calls})} files"


if __name__ == "__main__":
    traced = trace_purchase()
    for stage, calls in traced.items():
        print(f"{stage}: {summary(calls)}", *(f"  {call.file} {call.function}" for call in calls), sep="\n")
    print(f"together: {summary([call for calls in traced.values() for call in calls])}")
