"""Own `policy diff`: the history under two policies, on all cores, and the report.

Import `agents.analysis` beside it, streams and state.
"""
