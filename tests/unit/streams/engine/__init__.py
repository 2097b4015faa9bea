"""Unit tests of `streams.engine`."""
