"""Own what is read of the projections in Redis: customers, segments, cells, days, flows.

Import `agents.serve.lookups` beside it, `agents.project`, streams and state.
"""
