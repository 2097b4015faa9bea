"""Own what is published of a file: events spooled to disk, what the order ledger knows of them, chunks confirmed.

Import `agents.importing` beside it, `agents.importing.events`, streams and state.
"""
