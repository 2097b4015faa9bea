"""Own the records on their way to Kafka: shared batches, acknowledgements, the spool.

Import `agents.serve.intake` beside it, streams and state.
"""
