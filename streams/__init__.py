"""Own the infrastructure of a worker: settings, the clock, Kafka, the batch engine on Faust, tables and telemetry.

Import `state`, faust, aiokafka, msgspec, orjson and prometheus_client; never `agents`.
"""
