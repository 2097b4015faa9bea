"""Own the routes that answer with customers, as JSON or as whole lists in CSV.

Import `agents.serve.lookups` and `agents.serve` beside it, streams and state.
"""
