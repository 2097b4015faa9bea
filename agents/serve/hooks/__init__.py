"""Own the routes that take webhooks of shop platforms, and what a delivery becomes, so that nothing counts twice.

Import `agents.serve` beside it, the platforms and ids of `agents.importing`, streams and state.
"""
