"""Own the reading of requests: their encoding, and the bytes of each of their events.

Import `agents.serve` and `agents.serve.intake` beside it, and state.
"""
