"""Own `goldstream replay`: the journal written again under another prefix.

Import `agents.control`, `streams` and `state`.
"""
