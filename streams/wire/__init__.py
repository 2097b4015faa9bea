"""Own the wire format of outputs and watermark reports.

Import `streams.kafka` and `state`.
"""
