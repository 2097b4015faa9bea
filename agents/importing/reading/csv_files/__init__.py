"""Own the rows of text files with separators: their dialect, quotes and header.

Import `agents.importing.reading` beside it, its encodings, and `agents.importing.findings`.
"""
