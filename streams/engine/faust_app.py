"""The Faust app of a stage: a consumer group whose one agent hands what each poll returned to the lanes."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import faust
from faust.transport import conductor
from faust.types import TP

from streams.engine.faust_driver import NoTables, PollScheduler
from streams.engine.fetch_pace import FetchPace
from streams.engine.lane import SESSION_SECONDS, Lane, StageContext
from streams.engine.loop_consumer_thread import Poll

HEARTBEAT_SECONDS: Final = 1.0
"""With the next heartbeat a worker learns of a rebalance; until then its partitions stand still."""
COMMIT_SECONDS: Final = 2.5
REQUEST_TIMEOUT_SECONDS: Final = 30.0


class StageSpec(Protocol):
    """What a stage consists of."""

    @property
    def name(self) -> str:
        """`admit`, `segment` or `project`."""

    @property
    def group(self) -> str:
        """The consumer group, and the id of the Faust app."""

    @property
    def topics(self) -> Sequence[str]:
        """The topics that it reads."""

    @property
    def fetch_pace(self) -> FetchPace:
        """How often it fetches, and so how long records may wait at a high rate."""

    def lane(self, tp: TP, context: StageContext) -> Lane:
        """Return a new lane for a partition."""


def make_app(spec: StageSpec, kafka: Mapping[str, Any], data: Path, instance: str | None) -> faust.App:
    """Return an app that still needs a `LaneTransport` and its agent.

    Args:
        spec: the stage.
        kafka: aiokafka's settings for reaching the brokers.
        data: the worker's folder.
        instance: this worker's name in the group, for static membership; None for dynamic membership.
    """
    return faust.App(
        spec.group,
        broker=f"kafka://{kafka['bootstrap_servers'][0]}",
        store="memory://",
        datadir=data / spec.name,
        autodiscover=False,
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        broker_client_id=f"goldstream-{spec.name}-{os.getpid()}",
        broker_commit_interval=COMMIT_SECONDS,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_request_timeout=REQUEST_TIMEOUT_SECONDS,
        consumer_group_instance_id=f"{spec.group}-{instance}" if instance else None,
        ConsumerScheduler=PollScheduler,
        TableManager=NoTables,
    )


def add_agent(app: faust.App, spec: StageSpec, hand_over: Callable[[Poll], None]) -> None:
    """Add the agent that gives what each poll returned to `hand_over`; the app must have its transport by now."""
    topic = app.topic(*spec.topics, value_serializer="raw", key_serializer="raw", allow_empty=True)

    @app.agent(topic, name=f"{spec.group}.{spec.name}")
    async def take_polls(stream: Any) -> None:
        async for event in stream.events():
            hand_over(event.message.value)


def check_faust_is_compiled() -> None:
    """Raise if Faust would run without its compiled modules.

    Raises:
        RuntimeError: they are missing or switched off, and without them Faust loses events in a rebalance.
    """
    if conductor.NO_CYTHON or getattr(conductor, "ConductorHandler", None) is None:
        raise RuntimeError(
            "faust's compiled modules are missing or switched off by NO_CYTHON: without them Faust loses events in "
            "a rebalance; install a wheel of faust-streaming for this machine and unset NO_CYTHON"
        )
