"""What an activated policy or campaigns file did: whether every lane has applied it, and whom a policy moved."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from agents.control.lane_progress import wait_for_lanes
from state.records.outputs import SegmentChangeValue
from state.records.progress import Progress
from streams.kafka.reader import read_range
from streams.settings.settings import Settings

_POLICY_CAUSE: Final = "policy"


async def stage_runs(settings: Settings, stage: str = "segment") -> bool:
    """Return whether the group of a stage has members.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    admin = AIOKafkaAdminClient(**settings.kafka_client())
    try:
        await admin.start()
        (answer,) = await admin.describe_consumer_groups([f"{settings.prefix}.{stage}"])
        ((_, _, _, _, _, members, *_),) = answer.groups
        return bool(members)
    except GroupCoordinatorNotAvailableError:  # the brokers have never had a group
        return False
    finally:
        await admin.close()


async def wait_until_applied(
    consumer: AIOKafkaConsumer,
    lanes: Sequence[TopicPartition],
    control_offset: int,
    *,
    is_policy: bool,
    seconds: float,
    on_applied: Callable[[float], None],
) -> tuple[int, ...]:
    """Wait until every lane has applied the record at this offset of `control`; return those that have not in time.

    `on_applied` is called with the share of lanes that have, from 0 to 1.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    waiting: tuple[int, ...] = tuple(tp.partition for tp in lanes)

    def has_applied(progress: Progress) -> bool:
        return (progress.policy_offset if is_policy else progress.campaigns_offset) >= control_offset

    def note(behind: Sequence[int]) -> None:
        nonlocal waiting
        waiting = tuple(behind)
        on_applied(1 - len(behind) / len(lanes))

    try:
        async with asyncio.timeout(seconds):
            await wait_for_lanes(consumer, lanes, has_applied, note)
    except TimeoutError:
        return waiting
    return ()


async def count_moves(
    settings: Settings, begins: Mapping[TopicPartition, int], policy: str
) -> Counter[tuple[str, str]]:
    """Count the customers whom a policy has moved, by their segments before and after.

    Args:
        settings: of the prefix.
        begins: the end of each partition of `segment-changes` before the policy was activated.
        policy: name and version.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    moves: dict[bytes, tuple[str, str]] = {}
    for tp, begin in begins.items():
        async for batch in read_range(settings.kafka_client(), tp.topic, tp.partition, begin):
            for record in batch:
                if record.value is None:
                    continue
                change = msgspec.json.decode(record.value, type=SegmentChangeValue)
                if change.policy == policy and change.cause.kind == _POLICY_CAUSE:
                    moves[record.key] = (change.from_segment or "none", change.to_segment)
    return Counter(moves.values())
