"""Own the connection to Kafka: topics, readers, writers, the control topic, and why a connection fails.

Import `streams.settings` and `state`.
"""
