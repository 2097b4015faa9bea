"""Own what is computed from the whole base or the whole history: lists, previews, backtests, suggested policies.

Import `agents.control`, `agents.importing`, `agents.project`, `agents.segment`, `streams` and `state`.
"""
