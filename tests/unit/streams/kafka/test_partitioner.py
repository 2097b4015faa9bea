"""The hash that assigns customers to partitions is that of Kafka's clients."""

import aiokafka.partitioner
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.writing.partitioner import murmur2


@given(st.binary(max_size=200))
def test_the_hash_is_that_of_kafka(key: bytes) -> None:
    """A key that another producer wrote is looked for in the same partition."""
    assert murmur2(key) == aiokafka.partitioner.murmur2(key) & 0xFFFFFFFF
