"""Own the grouping of lines into orders and refunds in DuckDB, and the events that they become.

Import `agents.importing.mapping`, `agents.importing.columns`, `agents.importing.staging`, `state`.
"""
