"""Own a customer's story: what is known, why segments changed, what comes next.

Import `agents.project`, `streams` and `state`.
"""
