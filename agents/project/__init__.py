"""Own the projection to Redis: the stage `project`, and `goldstream rebuild-redis`.

Import `agents.control`, `agents.health`, `streams`, `state` and redis.
"""
