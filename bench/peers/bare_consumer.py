"""Read the topic with aiokafka and do nothing else: the upper bound for any Python program on aiokafka."""

import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from bench.peers.clock import KAFKA, PARTITIONS, SOURCE, Clock


async def read() -> None:
    """Read the source from its beginning to its end."""
    clock = Clock()
    consumer = AIOKafkaConsumer(
        bootstrap_servers=KAFKA,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=250,
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(SOURCE, partition) for partition in range(PARTITIONS)])
        clock.start()
        while not clock.all_taken:
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                if records:
                    clock.take_batch(tp.partition, records[0].offset, records[-1].offset)
        clock.stop()
    finally:
        await consumer.stop()


if __name__ == "__main__":
    uvloop.run(read())
