"""Own what is written to topics: journal records, outputs, erasures and the progress of a partition.

Import `state.units` and msgspec.
"""
