"""Own the platforms whose exports are known: one file each with columns and rules, detected by the columns of a file.

Import `agents.importing.mapping` and `state`; no DuckDB.
"""
