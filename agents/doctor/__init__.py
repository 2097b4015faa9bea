"""Own `goldstream doctor`: what it examines, and what it finds.

Import `agents.admit`, `agents.project`, `agents.replay`, `streams` and `state`.
"""
