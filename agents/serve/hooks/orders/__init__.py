"""Own what is known of the orders that deliveries are about: from the order ledger and from earlier deliveries.

Import `agents.serve.hooks` beside it, streams and state.
"""
