"""Own the routes that take webhooks of shop platforms.

Import `agents.serve` beside it, streams and state.
"""
