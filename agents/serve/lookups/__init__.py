"""Own the look-ups over HTTP: typed answers from Redis and Kafka, live changes, and comparisons of policies.

Import `agents.serve` beside it, the packages of agents below it, streams and state.
"""
