"""Own the records of JSON files, flattened to columns.

Import `agents.importing.reading` beside it, its encodings, and `agents.importing.findings`.
"""
