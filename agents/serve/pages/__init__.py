"""Own the HTML pages.

Import `agents.serve` beside it, streams and state.
"""
