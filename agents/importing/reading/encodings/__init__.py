"""Own which encoding the bytes of a text file are in.

Import `agents.importing.reading` beside it and `agents.importing.findings`.
"""
