"""Own the customers table of a partition, its changelog, and the progress records beside it.

Import `streams.kafka` and `state`.
"""
