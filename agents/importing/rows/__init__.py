"""Own the rows of files in SQL: how their columns are written, and the typed values of their cells.

Import `agents.importing.staging`, `agents.importing.mapping`, `agents.importing.columns`, streams and state.
"""
