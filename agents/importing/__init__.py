"""Own the import of files: rows are read, mapped to fields and built into events that `admit` will accept.

Import `streams`, `state` and pyarrow, which the extra `import` installs.
"""
