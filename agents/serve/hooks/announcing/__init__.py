"""Own the publication of events that nobody would notice if they came twice: announced, published, confirmed.

Import `agents.serve.hooks.orders` beside it, streams and state.
"""
