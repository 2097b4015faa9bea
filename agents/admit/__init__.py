"""Own the stage `admit`: it validates source records, writes the journal, takes over `control`, and keeps time.

Import `agents.control`, `streams` and `state`.
"""
