"""Own a customer's story: what is known, why the segment changed, and what comes next.

Import `agents.project`, `streams` and `state`.
"""
