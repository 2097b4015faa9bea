"""Own the `project` stage: what Redis shows, and how it is rebuilt.

Import `agents.control`, `agents.health`, `streams` and `state`, and redis.
"""
