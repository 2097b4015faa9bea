"""Imports of files into Kafka."""
