"""Own the routes that answer from Redis.

Import `agents.serve` beside it, streams and state.
"""
