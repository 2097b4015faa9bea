"""Own the daily totals of a partition: counting, storing, and what is published of a day.

Import `state.customer` and what it may import.
"""
