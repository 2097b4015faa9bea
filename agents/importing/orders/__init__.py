"""Own the grouping of lines into orders and refunds in DuckDB.

Import the packages of `agents.importing` below it (rows, staging, mapping, columns), and `state`.
"""
