"""Own which files belong together, and which of their columns are which fields.

Import the packages of `agents.importing` below it (rows, staging, platforms, mapping, columns), and `state`.
"""
