"""Own live changes: one reader of Kafka for all clients, their streams, the route.

Import `agents.serve.lookups` and `agents.serve` beside it, streams and state.
"""
