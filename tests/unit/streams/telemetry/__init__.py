"""Unit tests of `streams.telemetry`."""
