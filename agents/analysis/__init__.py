"""Own the commands that help to choose a policy: backtests of two policies, and suggestions from a shop's history.

Import `agents.control`, `agents.importing`, `streams` and `state`.
"""
