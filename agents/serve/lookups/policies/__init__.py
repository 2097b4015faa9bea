"""Own the comparison of policies in the background, their activation, the routes.

Import `agents.serve.lookups` and `agents.serve` beside it, `agents.analysis`, `agents.control`, streams and state.
"""
