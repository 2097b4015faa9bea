"""Own what the process of one stage runs: the stage, its gauges, the log of its shutdown.

Import `agents.worker` beside it, the three stages, streams and state.
"""
