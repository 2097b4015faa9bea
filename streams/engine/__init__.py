"""Own the batch engine on Faust: stages, lanes, and the driver that delivers batches to them.

Import `streams.kafka`, `streams.telemetry`, `streams.retries`, `streams.clock` and `streams.errors`.
"""
