"""Own mapping files: which columns become which fields of events, and how columns are recognized by their names.

Import `agents.importing.findings`, `agents.importing.reading` (its options), `state`; no DuckDB.
"""
