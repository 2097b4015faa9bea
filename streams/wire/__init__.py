"""Own how outputs and watermark reports are encoded as records.

Import `streams.kafka` and `state`.
"""
