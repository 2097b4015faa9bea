"""Own the rows of workbooks, read by a process that may fail alone.

Import `agents.importing.reading` beside it and `agents.importing.findings`.
"""
