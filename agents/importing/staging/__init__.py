"""Own files as DuckDB tables of text, without the rows that are no data.

Import `agents.importing.findings`, `agents.importing.reading`, `agents.importing.columns`, streams and state.
"""
