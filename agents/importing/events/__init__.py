"""Own the events that orders and rows become: written as JSON, checked as `admit` checks them, counted.

Import `agents.importing.orders`, `agents.importing.rows`, `agents.importing.mapping`, streams and state.
"""
