"""Own what helps to choose a policy: backtests of two policies, and suggestions from history.

Import `agents.control`, `agents.importing`, `streams` and `state`.
"""
