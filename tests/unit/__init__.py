"""Unit tests: one module at a time, without Kafka or Redis."""
