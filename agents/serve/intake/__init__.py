"""Own the routes that take events and publish them to Kafka.

Import `agents.serve` beside it, streams and state.
"""
