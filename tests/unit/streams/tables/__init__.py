"""Unit tests of `streams.tables`."""
