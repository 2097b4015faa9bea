"""Wait until every lane has applied something, as its progress says."""

from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition

from state.records.progress import Progress
from streams.tables.progress import PROGRESS_KEY, decode_progress


async def wait_for_lanes(
    consumer: AIOKafkaConsumer,
    lanes: Sequence[TopicPartition],
    has_applied: Callable[[Progress], bool],
    on_behind: Callable[[Sequence[int]], None],
    poll_ms: int = 200,
) -> None:
    """Read the progress of the lanes until each has applied what is asked for.

    Args:
        consumer: started; its assignment is replaced.
        lanes: the partitions of `progress`.
        has_applied: whether a lane with this progress has.
        on_behind: called after each poll with the numbers of the partitions that have not.
        poll_ms: how long a poll waits.

    Raises:
        aiokafka.errors.KafkaError: the cluster cannot be reached.
    """
    consumer.assign(lanes)
    await consumer.seek_to_beginning(*lanes)
    behind = {tp.partition for tp in lanes}
    while behind:
        for tp, batch in (await consumer.getmany(timeout_ms=poll_ms)).items():
            if any(m.key == PROGRESS_KEY and has_applied(decode_progress(m.value)) for m in batch):
                behind.discard(tp.partition)
        if behind:
            on_behind(sorted(behind))
