"""Own how the numbers of a column are written, and reading them.

Import `agents.importing.columns` beside it, `agents.importing.findings` and state.
"""
