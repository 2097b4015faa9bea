"""Own writing to Kafka: the fenced producer of a stage, batches, publishing, the partition of a key.

Import `streams.kafka` beside it, `streams.kafka.direct`, aiokafka, `state`.
"""
