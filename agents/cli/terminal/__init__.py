"""Own what commands ask and write: questions, progress, notes, tables, JSON.

Import `agents.cli.failures`, streams and state.
"""
