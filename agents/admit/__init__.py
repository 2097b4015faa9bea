"""Own the `admit` stage: admission of source records, the control lane and the timekeeper.

Import `agents.control`, `streams` and `state`.
"""
