"""Own who may do what: tokens, scopes, rates, hosts and origins, page sessions.

Import `agents.serve` beside it, streams and state.
"""
