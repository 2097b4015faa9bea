"""Own the daily totals of a partition: counting, encoding and publishing a day.

Import `state.customer` and what it may import.
"""
