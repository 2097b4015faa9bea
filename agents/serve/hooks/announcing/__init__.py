"""Own the publication of anonymous events, which would count twice if they came twice: announced, published, confirmed.

Import `agents.serve.hooks.orders` beside it, streams and state.
"""
