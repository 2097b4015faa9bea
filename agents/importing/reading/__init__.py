"""Own the reading of files as rows of text, whatever their format, encoding and dialect.

Import `agents.importing.findings` and, when a file needs them, pyarrow, python-calamine and charset-normalizer.
"""
