"""Own what a lane writes beside its outputs: the customers table with its changelog, the ledger, the progress.

Import `streams.kafka` and `state`.
"""
