"""Own how a batch is folded and its outputs are encoded as records, and watermark reports.

Import `streams.kafka`, `streams.telemetry` and `state`.
"""
