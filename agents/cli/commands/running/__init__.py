"""Own the commands that run something: `demo`, `init`, `worker`, `serve`.

Import everything below `agents.cli`, and what commands share.
"""
