"""Own `goldstream replay`: copying the journal to another prefix, with other partitions or rules.

Import `agents.control`, `streams` and `state`.
"""
